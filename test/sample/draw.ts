/** A package, and how many others need it. */
export interface Candidate {
  readonly name: string;
  readonly needed: number;
}

/**
 * An order that the seed decides, in which what many need tends to come first: each package is next with a chance that
 * grows with how many need it.
 *
 * @see P. Efraimidis and P. Spirakis, "Weighted random sampling with a reservoir" (2006); mulberry32 by T. Ettinger
 */
export function draw<T extends Candidate>(candidates: readonly T[], seed: number): T[] {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return candidates
    .map((candidate) => ({ candidate, key: Math.log(random() || Number.MIN_VALUE) / (1 + candidate.needed) }))
    .sort((a, b) => b.key - a.key)
    .map(({ candidate }) => candidate);
}
