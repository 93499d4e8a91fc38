import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The expressions that decide what a name resolves to. */
const FILES = ['load.nix', 'resolve.nix'];

/**
 * A SHA-256 of the Nix expressions, in hexadecimal: part of every package's key, since another expression may resolve
 * a name to another derivation.
 *
 * @throws Error of the file system when one of them is missing
 */
export async function expressionsDigest(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of FILES) {
    const content = await readFile(join(folder, file));
    hash.update(`${file} ${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}
