import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageRecord, imageRecordSchema } from '../../functions/builder/image.ts';
import { debianPackages } from '../support/debian.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { request } from '../support/http/request.ts';

/** A closure of more than 500 MB. */
export const BIG = 'shell/python3/gcc/nodejs/postgresql/redis-server';

/** The registry as it is deployed, over a folder. */
export function startOver(
  folder: string,
  env: Readonly<Record<string, string>> = {},
  options: { nixFolder?: string } = {},
): Promise<RegistryProcess> {
  return startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: folder, ...env }, options);
}

/** Gets a manifest by tag, and throws when there is none. */
export async function manifestOf(registry: { readonly origin: string }, name: string): Promise<Buffer> {
  for (let path = `/v2/${name}/manifests/latest`; ;) {
    const { status, headers, body } = await request(registry.origin, 'GET', path);
    if (status === 200) return body;
    if (status !== 307) throw new Error(`${path}: ${status} ${body.toString()}`);
    path = headers['location'] ?? '';
  }
}

/** The record of the only image in a folder. */
export async function recordIn(folder: string): Promise<ImageRecord> {
  const [name] = await readdir(join(folder, 'images'));
  if (name === undefined) throw new Error(`${folder} holds no image`);
  return imageRecordSchema.parse(JSON.parse(await readFile(join(folder, 'images', name), 'utf8')));
}
