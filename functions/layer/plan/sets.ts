/** A set of numbers from 0 on, 32 to a word. */
export type NumberSet = Uint32Array<ArrayBuffer>;

/** @param count of the numbers that can be in it */
export function emptySet(count: number): NumberSet {
  return new Uint32Array((count + 31) >>> 5);
}

export function has(set: NumberSet, number: number): boolean {
  return ((set[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0;
}

export function addTo(set: NumberSet, number: number): void {
  set[number >>> 5] = (set[number >>> 5] ?? 0) | (1 << (number & 31));
}

export function removeFrom(set: NumberSet, number: number): void {
  set[number >>> 5] = (set[number >>> 5] ?? 0) & ~(1 << (number & 31));
}

export function addAllTo(set: NumberSet, others: NumberSet): void {
  for (let index = 0; index < set.length; index++) set[index] = (set[index] ?? 0) | (others[index] ?? 0);
}

export function sizeOf(set: NumberSet): number {
  let size = 0;
  for (let index = 0; index < set.length; index++) {
    for (let word = set[index] ?? 0; word !== 0; word &= word - 1) size++;
  }
  return size;
}

/** The numbers that all three have, in order. */
export function inAll(a: NumberSet, b: NumberSet, c: NumberSet): number[] {
  const numbers: number[] = [];
  for (let index = 0; index < a.length; index++) {
    let word = (a[index] ?? 0) & (b[index] ?? 0) & (c[index] ?? 0);
    for (; word !== 0; word &= word - 1) numbers.push(index * 32 + 31 - Math.clz32(word & -word));
  }
  return numbers;
}
