/** Work that several callers want at once is done once. See {@link sharedWork}. */
export interface SharedWork<T> {
  /** Begins the work before it returns, or joins the one that runs. */
  (
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<T>;
  isRunning(key: string): boolean;
}

/**
 * Runs one work per key at a time, for all who ask for it meanwhile. A caller that aborts leaves; when the last one has
 * left, the work is aborted, and it is over before that last caller hears of it.
 */
export function sharedWork<T>(): SharedWork<T> {
  const running = new Map<string, { readonly result: Promise<T>; readonly stop: AbortController; callers: number }>();

  const share = async (
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<T> => {
    signal?.throwIfAborted();
    let run = running.get(key);
    if (run === undefined) {
      const stop = new AbortController();
      const started = {
        stop,
        callers: 0,
        result: work(stop.signal).finally(() => {
          if (running.get(key) === started) running.delete(key);
        }),
      };
      run = started;
      running.set(key, run);
    }
    const joined = run;
    joined.callers++;

    let leave: (() => void) | undefined;
    const left = new Promise<'left'>((resolve) => {
      leave = () => {
        resolve('left');
      };
      signal?.addEventListener('abort', leave, { once: true });
    });
    try {
      const outcome = await Promise.race([joined.result.then((value) => ({ value })), left]);
      if (outcome !== 'left') return outcome.value;
    } finally {
      joined.callers--;
      if (leave) signal?.removeEventListener('abort', leave);
    }
    if (joined.callers === 0) {
      // Whoever asks from now on starts anew.
      if (running.get(key) === joined) running.delete(key);
      joined.stop.abort(signal?.reason);
      await Promise.allSettled([joined.result]);
    }
    signal?.throwIfAborted();
    throw new Error('left without an abort');
  };
  return Object.assign(share, { isRunning: (key: string) => running.has(key) });
}
