import type { Logger } from 'pino';
import type { StoreRoom } from '../../nix/build-room.ts';
import type { Leases } from '../../storage/leases.ts';
import type { Asker } from '../build-record.ts';
import type { Builds } from '../builds/builds.ts';
import type { Failures } from '../failures.ts';
import type { ImageRecord } from '../image.ts';
import { nameOf } from '../image-request.ts';
import type { ImageMaker, ImageOrder } from '../make/make.ts';
import type { ImageOutcome } from '../outcome.ts';
import { type BuildBudget, spent, type SpentBudget } from '../try-later.ts';
import { imageAttempt } from './attempt.ts';
import { leasedBuilds } from './one-instance.ts';
import { buildQueue, type InTurn } from './queue.ts';

/** Makes images: each once, whoever asks for it and of whatever instance, and so many at once. */
export interface ImageAttempts {
  /** Joins the build of an image that goes on, or begins one. */
  join(order: ImageOrder, key: string, by: AskedBy): Promise<ImageOutcome>;
  /** Waits until no build goes on any more, however each ended. */
  ended(): Promise<void>;
  /** Waits until leases that are on their way back have arrived. */
  returned(): Promise<void>;
}

export interface AskedBy {
  /** Asked before a build is begun; a build that runs already costs nothing. Without limit when absent. */
  readonly budget?: BuildBudget | undefined;
  /** For whom a build is begun, to be told to who watches it. */
  readonly asker?: Asker | undefined;
}

export function imageAttempts(world: {
  readonly maker: ImageMaker;
  readonly room?: StoreRoom | undefined;
  readonly failed: Failures;
  readonly leases: Leases;
  /** Where builds can be watched; nowhere when absent. */
  readonly builds?: Builds | undefined;
  /** What became of an image, here or at another instance; undefined when nothing is known. */
  readonly look: (key: string) => Promise<ImageOutcome | undefined>;
  /** Gets the record of each image that was made. */
  readonly made: (record: ImageRecord) => void;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly limits: { readonly timeoutMs: number; readonly maxBuilds: number; readonly maxQueue: number };
  /** Starts no build any more, and ends those that run. Who waits is told `in-progress`. */
  readonly stopped: AbortSignal;
}): ImageAttempts {
  const { log, limits, stopped } = world;
  const queue = buildQueue({ ...limits, closed: stopped });
  const shared = leasedBuilds({ leases: world.leases, signal: stopped });
  const attempt = imageAttempt({ ...world, timeoutMs: limits.timeoutMs });

  /** Makes an image, or waits for the instance that does, and tells who watches. */
  async function share(
    order: ImageOrder,
    key: string,
    { inTurn, by, budget }: { inTurn: InTurn; by: Asker | undefined; budget: BuildBudget | undefined },
  ): Promise<ImageOutcome | SpentBudget> {
    const { request, revision } = order;
    const watched = world.builds?.begin(key, by ?? { repository: nameOf(request), reference: revision }, revision);
    async function makeInTurn(): Promise<ImageOutcome | SpentBudget> {
      // Only here it is certain that nobody has made it, or makes it, and that it did not fail lately.
      const left = budget?.take();
      if (left?.kind === 'spent') return left;
      watched?.claim();
      return inTurn(async () => {
        watched?.run();
        const outcome = await attempt(order, key, watched);
        if (!isBuild(outcome)) budget?.giveBack();
        watched?.end(outcome);
        return outcome;
      });
    }
    try {
      // The lease before the place in the queue: who waits for another instance is not stuck behind builds of this one.
      const outcome = await shared.run({ key, look: () => world.look(key), make: makeInTurn });
      watched?.leave(outcome.kind === 'spent' ? spent(outcome.retryAfterSeconds) : outcome);
      return outcome;
    } catch (error) {
      // Whoever began it may have left, and nobody else would say it.
      if (!stopped.aborted) log.warn({ key, err: error }, "a build ended with a fault that is not the image's");
      throw error;
    } finally {
      // Only what ended with an error has not been told.
      watched?.end(undefined);
    }
  }

  return {
    join: (order, key, { budget, asker }) =>
      queue.join(key, budget, (inTurn, own) => share(order, key, { inTurn, by: asker, budget: own })),
    ended: () => queue.ended(),
    returned: () => shared.returned(),
  };
}

/** What turned out to be refused, unknown or without room was not built. */
function isBuild({ kind }: ImageOutcome): boolean {
  return kind === 'image' || kind === 'build-failed' || kind === 'out-of-time';
}
