import { writeFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lock } from './lock.ts';

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

async function writeLock(folder: string, lock: Lock): Promise<void> {
  await mkdir(join(folder, 'shards'), { recursive: true });
  const { repositories, essentials, shards } = lock;
  await writeFile(join(folder, 'lock.json'), JSON.stringify({ repositories, essentials, shards: shards.length }));
  await writeFile(join(folder, 'names.json'), JSON.stringify(Object.fromEntries(lock.names)));
  // Synchronously: two thousand small files take five seconds when each is awaited.
  for (const [index, shard] of shards.entries()) {
    const entries = Object.fromEntries(shard.map((entry) => [entry.name, entry]));
    writeFileSync(join(folder, 'shards', `${index}.json`), JSON.stringify(entries));
  }
}
