import type { Logger } from 'pino';
import type { RunningBuild } from '../builds/builds.ts';
import { explainFailure } from './explain-failure.ts';
import type { StoreRoom } from '../../nix/build-room.ts';
import type { NixCall } from '../../nix/nix.ts';
import type { Failures } from '../failures.ts';
import { imageOf, type ImageRecord } from '../image.ts';
import type { ImageMaker, ImageOrder } from '../make/make.ts';
import type { ImageOutcome, ImageUnavailable } from '../outcome.ts';

/** Makes an image, or says why it cannot be made; throws for faults of this program and its machine. */
type AttemptImage = (order: ImageOrder, key: string, watched: RunningBuild | undefined) => Promise<ImageOutcome>;

export function imageAttempt(world: {
  readonly maker: ImageMaker;
  /** Of a Nix store that is small: each image that is made has a part of it until it is made. */
  readonly room?: StoreRoom | undefined;
  readonly failed: Failures;
  /** Gets the record of each image that was made. */
  readonly made: (record: ImageRecord) => void;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Milliseconds for one attempt, evaluation included. */
  readonly timeoutMs: number;
  /** Ends all attempts. */
  readonly stopped: AbortSignal;
}): AttemptImage {
  const { maker, failed, log, timeoutMs, stopped } = world;

  async function makeInRoom(order: ImageOrder, call: NixCall): ReturnType<ImageMaker['make']> {
    const room = world.room?.open();
    try {
      return await maker.make(order, { ...call, room });
    } finally {
      await room?.close();
    }
  }

  return async (order, key, watched) => {
    const about = { packages: order.request.attributes, revision: order.revision };
    const startedMs = performance.now();
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([deadline, stopped]);
    let failure: ImageUnavailable;
    try {
      const made = await makeInRoom(order, { signal, ...(watched && { onStderr: watched.log.add }) });
      if (made.kind === 'made') {
        world.made(made.record);
        const durationMs = Math.round(performance.now() - startedMs);
        log.info({ ...about, ...made.statistics, durationMs }, 'image made');
        const from = made.statistics.evaluated > 0 ? 'built' : 'composed';
        return { kind: 'image', image: imageOf(made.record), from };
      }
      failure = made;
    } catch (error) {
      const explained = explainFailure(error, deadline, timeoutMs);
      if (explained === undefined) throw error;
      failure = explained;
    }
    log.warn({ ...about, failure }, 'no image');
    // Both may be over with the next request.
    if (failure.kind !== 'denied' && failure.kind !== 'busy') {
      await failed.add(key, failure, { signal: stopped }).catch((error: unknown) => {
        if (!stopped.aborted)
          log.warn({ ...about, err: error }, 'a failure cannot be remembered: who asks again builds again');
      });
    }
    return failure;
  };
}
