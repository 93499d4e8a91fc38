import { median } from '../bench/figure.ts';
import type { Usage } from './usage.ts';

/** What is no growth: caches that fill, and what happens to be in use at a moment. */
const SOME_BYTES = 30e6;
const SOME_DESCRIPTORS = 20;
const SOME_PROCESSES = 8;

/** Whether something grows, and that in words. */
export interface Verdict {
  readonly grows: boolean;
  readonly words: string;
}

/**
 * Compares the last quarter of the samples with the second: in the first the process warms up, and of single moments the
 * medians say nothing.
 *
 * @throws RangeError for fewer samples than eight
 */
export function verdicts(samples: readonly Usage[]): readonly Verdict[] {
  const quarter = Math.floor(samples.length / 4);
  if (quarter < 2) throw new RangeError(`${samples.length} samples say nothing`);
  const [second, last] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  const judge = (
    what: string,
    of: (usage: Usage) => number,
    some: number,
    text: (value: number) => string,
  ): Verdict => {
    const [before, after] = [median(second.map(of)), median(last.map(of))];
    const grows = after - before > some;
    return { grows, words: `${what}: ${grows ? 'GROWS' : 'does not grow'} (${text(before)}, then ${text(after)})` };
  };
  const plain = (value: number) => String(Math.round(value));
  return [
    judge(
      'memory',
      ({ memoryBytes }) => memoryBytes,
      SOME_BYTES,
      (value) => `${Math.round(value / 1e6)} MB`,
    ),
    judge('descriptors', ({ descriptors }) => descriptors, SOME_DESCRIPTORS, plain),
    judge('processes', ({ processes }) => processes, SOME_PROCESSES, plain),
  ];
}
