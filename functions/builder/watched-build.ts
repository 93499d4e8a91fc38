import type { Logger } from 'pino';
import type { AttemptImage } from './attempt-image.ts';
import type { BuildBudget, InTurn, SpentBudget } from './build-queue.ts';
import type { Asker } from './build-record.ts';
import type { Builds } from './builds.ts';
import type { ImageOrder } from './image-maker.ts';
import { nameOf } from './image-request.ts';
import type { LeasedBuilds } from './leased-build.ts';
import type { ImageOutcome } from './outcome.ts';
import { spent } from './try-later.ts';

/** For whom an image is made, when its turn comes. */
export interface BuildTurn {
  readonly inTurn: InTurn;
  /** To be told to who watches. */
  readonly by: Asker | undefined;
  readonly budget: BuildBudget | undefined;
}

/**
 * Makes an image, or waits for the instance that does, and tells who watches.
 *
 * @param world `look` says what became of an image, here or at another instance; undefined when nothing did
 * @returns a function that throws what `attempt` throws, when it has been logged
 */
export function watchedBuilds(world: {
  /** Where builds can be watched; nowhere when absent. */
  readonly builds: Builds | undefined;
  readonly shared: LeasedBuilds;
  readonly look: (key: string) => Promise<ImageOutcome | undefined>;
  readonly attempt: AttemptImage;
  readonly log: Pick<Logger, 'warn'>;
  readonly stopped: AbortSignal;
}): (order: ImageOrder, key: string, turn: BuildTurn) => Promise<ImageOutcome | SpentBudget> {
  const { builds, shared, look, attempt, log, stopped } = world;

  return async (order, key, { inTurn, by, budget }) => {
    const { request, revision } = order;
    const watched = builds?.begin(key, by ?? { repository: nameOf(request), reference: revision }, revision);
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
      const outcome = await shared.run({ key, look: () => look(key), make: makeInTurn });
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
  };
}

/** What turned out to be refused, unknown or without room was not built. */
function isBuild({ kind }: ImageOutcome): boolean {
  return kind === 'image' || kind === 'build-failed' || kind === 'out-of-time';
}
