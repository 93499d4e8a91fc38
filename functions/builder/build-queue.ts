import pLimit from 'p-limit';
import type { ImageOutcome } from './outcome.ts';
import { busy, spent } from './try-later.ts';
import { waitFor } from './wait-for.ts';

/** How many builds somebody may still begin. */
export interface BuildBudget {
  take(): { readonly kind: 'left' } | { readonly kind: 'spent'; readonly retryAfterSeconds: number };
}

/** Does work when its turn has come: as much at once as the queue allows. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** The builds of this process: one for each image, so many at once, and so many that wait. */
export interface BuildQueue {
  /**
   * Joins the running build of an image, or begins one when the queue is not too long and the budget not spent.
   *
   * @param begin is given `inTurn` for the part that takes a processor
   * @returns `in-progress` when the queue was closed before the build ended
   */
  join(
    key: string,
    budget: BuildBudget | undefined,
    begin: (inTurn: InTurn) => Promise<ImageOutcome>,
  ): Promise<ImageOutcome>;
  /** Waits until no build runs any more, however each ended. */
  ended(): Promise<void>;
}

/** @param world `closed`: no build begins after its abort, and who waits for one is let go */
export function buildQueue(world: {
  /** Images that are made at once. */
  readonly maxBuilds: number;
  /** Images that wait to be made. */
  readonly maxQueue: number;
  readonly closed: AbortSignal;
}): BuildQueue {
  const { maxBuilds, maxQueue, closed } = world;
  const inTurn = pLimit(maxBuilds);
  const builds = new Map<string, Promise<ImageOutcome>>();
  return {
    async join(key, budget, begin) {
      let build = builds.get(key);
      if (build === undefined) {
        if (closed.aborted) return { kind: 'in-progress' };
        if (builds.size >= maxBuilds + maxQueue) return busy(builds.size, maxBuilds);
        const left = budget?.take();
        if (left?.kind === 'spent') return spent(left.retryAfterSeconds);
        build = begin(inTurn).finally(() => builds.delete(key));
        builds.set(key, build);
      }
      // Who waits when the process is told to stop goes to another instance.
      return (await waitFor(build, { signal: closed, atAbort: 'leave' })) ?? { kind: 'in-progress' };
    },

    async ended() {
      await Promise.allSettled(builds.values());
    },
  };
}
