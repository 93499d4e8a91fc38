import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from './service/registry-process.ts';

/** The folder of Debian package sets that was prepared before the tests. */
export const debianPackages = join(process.env['NIXERY_DATA_DIR'] ?? join(projectFolder, '.data'), 'debian');

/** The items in an order that the seed decides (Fisher and Yates, with the mulberry32 generator). */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

/** Larger packages are games' and fonts' data, and their size says nothing of whether they work. */
const MAX_INSTALLED_BYTES = 60e6;

/** The packages that can be drawn, with how many others need each. */
export function drawable(): { readonly name: string; readonly needed: number }[] {
  const folder = join(debianPackages, 'latest', 'lock', 'amd64', 'shards');
  const shards = readdirSync(folder).sort((a, b) => parseInt(a, 10) - parseInt(b, 10));
  const packages = shards.flatMap(
    (shard) =>
      JSON.parse(readFileSync(join(folder, shard), 'utf8')) as {
        readonly name: string;
        readonly depends?: readonly number[];
        readonly lacks?: readonly string[];
        readonly installedBytes?: number;
      }[],
  );
  const needed = new Map<number, number>();
  for (const { depends = [] } of packages) for (const one of depends) needed.set(one, (needed.get(one) ?? 0) + 1);
  return packages.flatMap(({ name, lacks, installedBytes = 0 }, number) =>
    lacks === undefined && installedBytes <= MAX_INSTALLED_BYTES ? [{ name, needed: needed.get(number) ?? 0 }] : [],
  );
}
