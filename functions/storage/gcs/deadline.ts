import type { IoOptions } from '../blob-store.ts';
import { unlessAborted } from '../../concurrency/unless-aborted.ts';

/** A bucket has not answered for as long as it is waited for. */
export class BucketSilentError extends Error {
  readonly code = 'ETIMEDOUT';
  override readonly name = 'BucketSilentError';

  constructor(waitedMs: number) {
    super(`the bucket says nothing for ${(waitedMs / 1000).toFixed(0)} s`);
  }
}

/** How long the next bytes of an answer may take that has begun, in milliseconds. */
const NEXT_BYTES_MS = 2_000;

/**
 * Runs `work` with one end for all that it asks, however often: the client library has limits for each request alone, and
 * repeats it. `progressed`: bytes have come, so that the next ones have a moment in any case.
 *
 * @throws BucketSilentError, the signal's reason, or what `work` throws; then nobody hears how the work ends
 */
export async function withDeadline<T>(
  deadlineMs: number,
  work: (stop: AbortSignal, progressed: () => void) => Promise<T>,
  { signal }: IoOptions = {},
): Promise<T> {
  const startedMs = performance.now();
  const late = new AbortController();
  let endMs = startedMs + deadlineMs;
  function look(): void {
    const leftMs = endMs - performance.now();
    if (leftMs > 0) timer = setTimeout(look, leftMs);
    else late.abort(new BucketSilentError(endMs - startedMs));
  }
  let timer = setTimeout(look, deadlineMs);
  const stop = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
  try {
    return await unlessAborted(
      work(stop, () => {
        endMs = Math.max(endMs, performance.now() + NEXT_BYTES_MS);
      }),
      stop,
    );
  } finally {
    clearTimeout(timer);
  }
}
