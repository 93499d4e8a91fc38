import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { composeAccess } from '../../../functions/compose/access.ts';
import { composeRegistry } from '../../../functions/compose/registry.ts';
import { parseConfig } from '../../../functions/config/config.ts';
import { serve } from '../http/server.ts';
import { projectFolder } from '../service/registry-process.ts';
import { request, type Response } from '../http/request.ts';

/** What a client gets when it asks for images: by tag, by digest, and all blobs. By what was asked for. */
export type Pulled = ReadonlyMap<string, Buffer>;

/** One pull of some images from a server that was started for it. */
export interface Round {
  readonly pulled: Pulled;
  /** What was not answered with 200 and to its end, and how. */
  readonly failures: readonly string[];
  readonly log: readonly string[];
}

/** Starts a server over a folder in this process, and pulls. @param manifests of an earlier pull: what is asked for by digest */
export async function pullAll(
  env: Readonly<Record<string, string>>,
  names: readonly string[],
  before: Pulled = new Map(),
): Promise<Round> {
  const log: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line) });
  const config = parseConfig({ ...process.env, ...env }, { programFolder: projectFolder, terminal: false });
  const { gate } = await composeAccess(config.access, logger);
  const composed = await composeRegistry(config, { gate, log: logger, folder: `${projectFolder}functions` });
  const pulled = new Map<string, Buffer>();
  const failures: string[] = [];
  try {
    await using server = await serve(composed.handle);
    const get = async (path: string): Promise<Response | undefined> => {
      try {
        const answer = await follow(await request(server.origin, 'GET', path));
        if (answer.status === 200) pulled.set(path, answer.body);
        else failures.push(`${path}: ${answer.status} ${answer.body.toString()}`);
        return answer;
      } catch (error) {
        failures.push(`${path}: ${(error as Error).message}`);
        return undefined;
      }
    };
    for (const path of before.keys()) if (path.includes('/manifests/sha256:')) await get(path);
    for (const name of names) {
      const manifest = await get(`/v2/${name}/manifests/latest`);
      if (manifest?.status !== 200) continue;
      const digest = manifest.headers['docker-content-digest'] ?? '';
      await get(`/v2/${name}/manifests/${digest}`);
      const { config: own, layers } = JSON.parse(manifest.body.toString()) as {
        config: { digest: string };
        layers: { digest: string }[];
      };
      for (const blob of [{ digest }, own, ...layers]) await get(`/v2/${name}/blobs/${blob.digest}`);
    }
  } finally {
    await composed.stop();
  }
  return { pulled, failures, log };
}

/** Where the store has addresses of its own, clients are sent there. */
async function follow(answer: Response): Promise<Response> {
  const { location } = answer.headers;
  if (answer.status !== 303 || location === undefined) return answer;
  const { origin, pathname, search } = new URL(location);
  return request(origin, 'GET', `${pathname}${search}`);
}

/** The objects of a store in a folder. */
export async function objectsIn(store: string): Promise<readonly string[]> {
  const areas = (await readdir(store)).filter((area) => area !== 'uploads').sort();
  const listed = await Promise.all(
    areas.map(async (area) => (await readdir(join(store, area))).map((name) => `${area}/${name}`)),
  );
  return listed.flat().sort();
}

export type Damage = 'a bit' | 'the end';

/** A store of the same objects, some of them damaged and all of some areas left out. What is whole is in both. */
export async function damagedCopy(
  { store, to }: { readonly store: string; readonly to: string },
  { keys, damage, without }: { keys: readonly string[]; damage: Damage; without: readonly string[] },
): Promise<void> {
  for (const area of await readdir(store)) await mkdir(join(to, area), { recursive: true });
  for (const key of await objectsIn(store)) {
    if (keys.includes(key)) await writeFile(join(to, key), damaged(await readFile(join(store, key)), key, damage));
    // No object is written to where it lies.
    else if (!without.some((area) => key.startsWith(`${area}/`))) await link(join(store, key), join(to, key));
  }
}

/** The same bytes but for one bit, or cut somewhere. @param key decides which */
export function damaged(bytes: Buffer, key: string, damage: Damage): Buffer {
  assert.ok(bytes.length > 0);
  // Which one is another for each object, and the same each time.
  const chosen = createHash('sha256').update(key).digest().readUInt32LE();
  if (damage === 'the end') return bytes.subarray(0, chosen % bytes.length);
  const bit = chosen % (bytes.length * 8);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return bytes;
}
