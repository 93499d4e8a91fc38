/**
 * Starts work in the order in which it is asked for. See {@link weightedLimit}.
 *
 * @param signal after its abort, work that has not started never does
 * @throws what the work throws, or the reason of the signal
 */
export type WeightedLimit = <T>(weight: number, work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** Lets so much work go on at a time that it weighs no more than `most` together; what weighs more than that goes alone. */
export function weightedLimit(most: number): WeightedLimit {
  const waiting: { readonly weight: number; readonly start: () => void }[] = [];
  let weightNow = 0;

  function startNext(): void {
    for (;;) {
      const [next] = waiting;
      if (next === undefined || (weightNow > 0 && weightNow + next.weight > most)) return;
      waiting.shift();
      weightNow += next.weight;
      next.start();
    }
  }

  function turn(weight: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const one = {
        weight,
        start: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      function leave(): void {
        waiting.splice(waiting.indexOf(one), 1);
        reject(signal?.reason as Error);
        // It may have stood before lighter ones.
        startNext();
      }
      signal?.addEventListener('abort', leave, { once: true });
      waiting.push(one);
      startNext();
    });
  }

  return async (weight, work, signal) => {
    signal?.throwIfAborted();
    await turn(weight, signal);
    try {
      return await work();
    } finally {
      weightNow -= weight;
      startNext();
    }
  };
}
