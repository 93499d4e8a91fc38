/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** From 0 to below 1. */
  uniform(): number;
  /** Times between events that do not know of each other. */
  exponential(mean: number): number;
}

/** The generator mulberry32, whose state is 32 bits: enough for some ten million numbers. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { uniform, exponential: (mean) => -mean * Math.log(1 - uniform()) };
}
