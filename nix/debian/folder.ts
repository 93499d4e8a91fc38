import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lock, Place } from './lock.ts';

/**
 * Writes a package set: the expression, the builder, the versions of the tools that it runs, and one lock for each
 * architecture. Nothing else decides what the set's packages are.
 */
export async function writeSet(
  folder: string,
  source: string,
  tools: Readonly<Record<string, string>>,
  locks: ReadonlyMap<string, Lock>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await cp(join(source, 'default.nix'), join(folder, 'default.nix'));
  await cp(join(source, 'builder'), join(folder, 'builder'), { recursive: true });
  await writeFile(join(folder, 'tools.json'), `${JSON.stringify(tools, null, 2)}\n`);
  for (const [architecture, lock] of locks) await writeLock(join(folder, 'lock', architecture), lock);
}

/** One attribute needs its own shard and those of its dependencies, so they are small. */
const PACKAGES_PER_SHARD = 24;

async function writeLock(folder: string, lock: Lock): Promise<void> {
  await mkdir(join(folder, 'shards'), { recursive: true });
  await mkdir(join(folder, 'names'));
  const { repositories, essentials, packages } = lock;
  const top = { repositories, essentials, packages: packages.length, packagesPerShard: PACKAGES_PER_SHARD };
  await writeFile(join(folder, 'lock.json'), JSON.stringify(top));
  for (const [prefix, names] of namesByPrefix(lock.names)) {
    writeFileSync(join(folder, 'names', `${prefix}.json`), JSON.stringify(names));
  }
  // Synchronously: two thousand small files take five seconds when each is awaited.
  for (let first = 0; first < packages.length; first += PACKAGES_PER_SHARD) {
    const shard = packages.slice(first, first + PACKAGES_PER_SHARD);
    writeFileSync(join(folder, 'shards', `${first / PACKAGES_PER_SHARD}.json`), JSON.stringify(shard));
  }
}

/** Names by the first two digits of their SHA-256, as default.nix looks for them; all 256 pairs of digits are there. */
function namesByPrefix(names: Lock['names']): ReadonlyMap<string, Record<string, Place>> {
  const shards = new Map<string, Record<string, Place>>();
  for (let first = 0; first < 256; first++) shards.set(first.toString(16).padStart(2, '0'), {});
  for (const [name, place] of names) {
    const prefix = createHash('sha256').update(name).digest('hex').slice(0, 2);
    Object.assign(shards.get(prefix) ?? {}, { [name]: place });
  }
  return shards;
}
