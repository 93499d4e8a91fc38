import pLimit from 'p-limit';
import type { ImageOutcome } from '../outcome.ts';
import { type BuildBudget, busy, spent, type SpentBudget } from '../try-later.ts';
import { waitFor } from '../../concurrency/wait-for.ts';

/** Does work when its turn has come: as much at once as the queue allows. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** The builds of this process: one for each image, so many at once, and so many that wait. */
export interface BuildQueue {
  /**
   * Joins the running build of an image, or begins one when the queue is not too long. A build that ended since the budget of
   * who began it was spent is no answer to others: they begin their own.
   *
   * @param begin is given `inTurn` for the part that takes a processor, and the budget
   * @returns `in-progress` when the queue was closed before the build ended
   */
  join(
    key: string,
    budget: BuildBudget | undefined,
    begin: (inTurn: InTurn, budget: BuildBudget | undefined) => Promise<ImageOutcome | SpentBudget>,
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
  const builds = new Map<string, Promise<ImageOutcome | SpentBudget>>();
  return {
    async join(key, budget, begin) {
      for (;;) {
        let build = builds.get(key);
        const isOwn = build === undefined;
        if (build === undefined) {
          if (closed.aborted) return { kind: 'in-progress' };
          if (builds.size >= maxBuilds + maxQueue) return busy(builds.size, maxBuilds);
          build = begin(inTurn, budget).finally(() => builds.delete(key));
          builds.set(key, build);
        }
        // Who waits when the process is told to stop goes to another instance.
        const outcome = await waitFor(build, { signal: closed, atAbort: 'leave' });
        if (outcome === undefined) return { kind: 'in-progress' };
        if (outcome.kind !== 'spent') return outcome;
        if (isOwn) return spent(outcome.retryAfterSeconds);
      }
    },

    async ended() {
      await Promise.allSettled(builds.values());
    },
  };
}
