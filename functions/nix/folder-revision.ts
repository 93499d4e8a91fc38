import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Version of the encoding below; a change changes every folder's revision. */
const FORMAT = 'nixery-run folder 1\0';

/**
 * The revision of a folder: 40 hexadecimal digits of a SHA-256 over names, kinds, executable bits and contents of all
 * that lies in it, in byte order of the names. Times, owners and where the folder lies do not matter. It has the shape
 * of a git commit, so that it can be pulled as a tag.
 *
 * @throws Error of the file system when something cannot be read, or is neither file, folder nor link
 */
export async function folderRevision(
  folder: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const hash = createHash('sha256').update(FORMAT);
  // Every field ends with a zero byte or has its length before it, so fields never run together.
  async function add(path: string): Promise<void> {
    options.signal?.throwIfAborted();
    const stat = await lstat(path);
    if (stat.isDirectory()) {
      const names = (await readdir(path, { encoding: 'buffer' })).sort((a, b) => Buffer.compare(a, b));
      hash.update(`directory ${names.length}\0`);
      for (const name of names) {
        hash.update(name).update('\0');
        await add(join(path, name.toString()));
      }
    } else if (stat.isSymbolicLink()) {
      hash.update(`link ${await readlink(path)}\0`);
    } else if (stat.isFile()) {
      hash.update(`${(stat.mode & 0o100) === 0 ? 'file' : 'executable'} ${stat.size}\0`);
      for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
    } else {
      throw new Error(`${path} is neither a file, a folder nor a link`);
    }
  }
  await add(folder);
  return hash.digest('hex').slice(0, 40);
}
