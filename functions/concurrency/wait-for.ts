/** How long to wait for work. */
export interface Patience {
  /** In milliseconds; until the end when absent. */
  readonly holdMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What an abort means: the caller left and its wait is rejected, or the wait is over as if its time were. */
  readonly atAbort: 'reject' | 'leave';
}

/**
 * Waits for work that goes on whether or not anybody waits for it.
 *
 * @returns undefined when the wait was over before the work
 * @throws what the work throws, or the reason of the signal
 */
export function waitFor<T>(work: Promise<T>, { holdMs, signal, atAbort }: Patience): Promise<T | undefined> {
  return new Promise<T | undefined>((resolve, reject) => {
    const timer = holdMs === undefined ? undefined : setTimeout(leave, holdMs);
    function end(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    }
    function leave(): void {
      end();
      resolve(undefined);
    }
    function fail(error: unknown): void {
      end();
      reject(error instanceof Error ? error : new Error(String(error)));
    }
    function aborted(): void {
      if (atAbort === 'leave') leave();
      else fail(signal?.reason);
    }
    signal?.addEventListener('abort', aborted, { once: true });
    work.then((value) => {
      end();
      resolve(value);
    }, fail);
    if (signal?.aborted) aborted();
  });
}
