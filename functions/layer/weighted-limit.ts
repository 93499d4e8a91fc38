/** Starts work in the order in which it is asked for. See {@link weightedLimit}. */
export type WeightedLimit = <T>(weight: number, work: () => Promise<T>) => Promise<T>;

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

  return async (weight, work) => {
    await new Promise<void>((start) => {
      waiting.push({ weight, start });
      startNext();
    });
    try {
      return await work();
    } finally {
      weightNow -= weight;
      startNext();
    }
  };
}
