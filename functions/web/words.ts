import type { BuildState } from '../builder/build-record.ts';

/** A length for a person: `12 kB`, `3.4 MB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.5 ? value.toFixed(0) : Number(value.toPrecision(2)).toString()} ${units[unit] ?? ''}`;
}

/** A time span for a person: `0.4 s`, `12 s`, `3 min 5 s`. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How a state is called, and the sign that stands before it in a tab's title. */
export const STATES: Readonly<Record<BuildState, { readonly label: string; readonly sign: string }>> = {
  waiting: { label: 'waiting', sign: '○' },
  running: { label: 'building', sign: '●' },
  made: { label: 'made', sign: '✓' },
  failed: { label: 'failed', sign: '✗' },
  stopped: { label: 'stopped', sign: '✗' },
  lost: { label: 'lost', sign: '✗' },
};

export function number(count: number): string {
  return count.toLocaleString('en');
}
