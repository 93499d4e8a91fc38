/** One thing that was measured several times, beside the least (or the most) that is possible on this machine. */
export interface Figure {
  readonly name: string;
  readonly unit: 'requests/s' | 's' | 'MB';
  readonly values: readonly number[];
  /** Measured in the same run. */
  readonly floor?: { readonly what: string; readonly values: readonly number[] };
  /** What the best run has to reach, on a machine that does nothing else. */
  readonly atMost?: number;
  /** The same, as a multiple of the floor's median. */
  readonly atMostOfFloor?: number;
  /** The same for a rate. */
  readonly atLeast?: number;
  readonly atLeastOfFloor?: number;
  /** The most memory that was resident in the registry, in bytes. */
  readonly peakMemoryBytes?: number;
}

/** A benchmark: it has a name, and measures one thing or several that belong together. */
export interface Benchmark {
  readonly name: string;
  measure(setting: Setting): Promise<readonly Figure[]>;
}

export interface Setting {
  /** How often each thing is measured. */
  readonly runs: number;
  /** A new, empty folder, which is removed at the end. */
  folder(): Promise<string>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new RangeError('nothing was measured');
  return (low + high) / 2;
}

/** Whether the best run has reached what it has to. Others only say how busy the machine was. */
export function isReached(figure: Figure): boolean {
  const bound = boundOf(figure);
  if (bound === undefined) return true;
  return figure.unit !== 'requests/s' ? Math.min(...figure.values) <= bound : Math.max(...figure.values) >= bound;
}

/** What a time or memory may be at most, or a rate at least; undefined where there is no bound. */
export function boundOf({ unit, atMost, atMostOfFloor, atLeast, atLeastOfFloor, floor }: Figure): number | undefined {
  const [bound, ofFloor] = unit !== 'requests/s' ? [atMost, atMostOfFloor] : [atLeast, atLeastOfFloor];
  const relative = floor === undefined || ofFloor === undefined ? undefined : ofFloor * median(floor.values);
  if (bound === undefined || relative === undefined) return bound ?? relative;
  return unit !== 'requests/s' ? Math.min(bound, relative) : Math.max(bound, relative);
}

/** Times what `work` takes, in seconds. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
}
