/**
 * How many packages of the Debian set refer to each: `npm run popularity > popularity.json`, for NIX_POPULARITY_URL. In
 * the form of Nixery's popcount: the names of store paths without their hashes, and counts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { machineArchitecture } from './machine.ts';
import type { LockedPackage } from './lock.ts';

const data = process.env['NIXERY_DATA_DIR'] ?? join(import.meta.dirname, '..', '..', '.data');
const shards = join(data, 'debian', 'latest', 'lock', await machineArchitecture(), 'shards');

// In the order of their numbers.
const shardNumbers = readdirSync(shards).map((file) => Number(basename(file, '.json')));
const packages = shardNumbers
  .sort((a, b) => a - b)
  .flatMap((number) => {
    const shard = JSON.parse(readFileSync(join(shards, `${number}.json`), 'utf8')) as LockedPackage[];
    if (!Array.isArray(shard)) throw new Error(`${shards} is of an older form: npm start makes a new set`);
    return shard;
  });

const counts = new Map<string, number>();
for (const { depends = [] } of packages) {
  // Of packages that depend on each other the first stands for all.
  const paths = new Set(depends.map((number) => packages[packages[number]?.group?.[0] ?? number]));
  for (const path of paths) {
    if (path === undefined) continue;
    // As set/default.nix names store paths.
    const name = `${path.name}-${path.version}`.replaceAll(/[:~]/g, '-');
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
}
const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
process.stdout.write(`${JSON.stringify(Object.fromEntries(sorted), null, 1)}\n`);
