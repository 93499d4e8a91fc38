/**
 * How many packages of the Debian set refer to each: `npm run popularity > popularity.json`, for NIX_POPULARITY_URL. In
 * the form of Nixery's popcount: the names of store paths without their hashes, and counts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineArchitecture } from './machine.ts';
import type { LockedPackage } from './lock.ts';

const data = process.env['NIXERY_DATA_DIR'] ?? join(import.meta.dirname, '..', '..', '.data');
const shards = join(data, 'debian', 'latest', 'lock', await machineArchitecture(), 'shards');

const packages = readdirSync(shards).flatMap((shard) =>
  Object.values(JSON.parse(readFileSync(join(shards, shard), 'utf8')) as Record<string, LockedPackage>),
);
const byName = new Map(packages.map((one) => [one.name, one]));

const counts = new Map<string, number>();
for (const { depends = [] } of packages) {
  // Of packages that depend on each other the first stands for all.
  const paths = new Set(depends.map((name) => byName.get(byName.get(name)?.group?.[0] ?? name)));
  for (const path of paths) {
    if (path === undefined) continue;
    // As set/default.nix names store paths.
    const name = `${path.name}-${path.version}`.replaceAll(/[:~]/g, '-');
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
}
const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
process.stdout.write(`${JSON.stringify(Object.fromEntries(sorted), null, 1)}\n`);
