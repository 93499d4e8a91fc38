import { UnfitForImageError } from '../../layer/tree.ts';
import { ProcessError } from '../../nix/process-error.ts';
import { BuildFailedError } from '../../nix/realise/realise.ts';
import { StoreFullError } from '../../nix/build-room.ts';
import type { ImageUnavailable } from '../outcome.ts';
import { PackageDeniedError } from '../package-policy.ts';

/** When to ask again for an image that did not fit beside others. */
const RETRY_AFTER_SECONDS = 10;

/**
 * What went wrong, when it is the image's own fault: its build fails or takes too long, what was built fits in no image, or
 * it is not to be had.
 *
 * @returns undefined for a fault of this program or its machine
 */
export function explainFailure(error: unknown, deadline: AbortSignal, timeoutMs: number): ImageUnavailable | undefined {
  if (error instanceof PackageDeniedError) return { kind: 'denied', message: error.message };
  if (error instanceof StoreFullError) {
    const { message } = error;
    return error.lasts === 'always'
      ? { kind: 'build-failed', message, logTail: [] }
      : { kind: 'busy', message, retryAfterSeconds: RETRY_AFTER_SECONDS };
  }
  if (error instanceof UnfitForImageError) return { kind: 'build-failed', message: error.message, logTail: [] };
  if (error instanceof BuildFailedError) {
    return { kind: 'build-failed', message: error.message, logTail: error.logTail };
  }
  const wasStopped = error === deadline.reason || (error instanceof ProcessError && error.failure === 'aborted');
  if (deadline.aborted && wasStopped) {
    return { kind: 'out-of-time', message: `the image was not ready within ${timeoutMs / 1000} s (NIX_TIMEOUT)` };
  }
  return undefined;
}
