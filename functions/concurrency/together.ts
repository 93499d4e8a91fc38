/** Does all at once; on the first failure the others are aborted and waited for, and it is thrown. */
export async function together<T, R>(
  items: readonly T[],
  work: (item: T, stop: AbortSignal) => Promise<R>,
  signal: AbortSignal | undefined,
): Promise<R[]> {
  const failure = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
  const results = items.map(async (item) => {
    try {
      return await work(item, stop);
    } catch (error) {
      failure.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(results);
  // The reason is the first failure: what the others threw came from the abort.
  signal?.throwIfAborted();
  failure.signal.throwIfAborted();
  return Promise.all(results);
}
