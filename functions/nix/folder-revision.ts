import { createHash } from 'node:crypto';
import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

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
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let sinceTurnBytes = 0;

  // Synchronous calls, of which a package set of two thousand files needs a tenth of the time; others get their turn.
  // Every field ends with a zero byte or has its length before it, so fields never run together.
  async function add(path: Buffer): Promise<void> {
    options.signal?.throwIfAborted();
    const stat = lstatSync(path);
    if (stat.isDirectory()) {
      const names = readdirSync(path, { encoding: 'buffer' }).sort((a, b) => Buffer.compare(a, b));
      hash.update(`directory ${names.length}\0`);
      for (const name of names) {
        hash.update(name).update('\0');
        await add(Buffer.concat([path, SLASH, name]));
      }
    } else if (stat.isSymbolicLink()) {
      hash
        .update('link ')
        .update(readlinkSync(path, { encoding: 'buffer' }))
        .update('\0');
    } else if (stat.isFile()) {
      hash.update(`${(stat.mode & 0o100) === 0 ? 'file' : 'executable'} ${stat.size}\0`);
      await addContent(path);
    } else {
      throw new Error(`${path.toString()} is neither a file, a folder nor a link`);
    }
  }

  async function addContent(path: Buffer): Promise<void> {
    const descriptor = openSync(path, 'r');
    try {
      for (;;) {
        const got = readSync(descriptor, chunk);
        hash.update(chunk.subarray(0, got));
        sinceTurnBytes += got + FILE_COST_BYTES;
        if (sinceTurnBytes > TURN_BYTES) {
          sinceTurnBytes = 0;
          await nextTurn(undefined, { signal: options.signal });
        }
        if (got === 0) return;
      }
    } finally {
      closeSync(descriptor);
    }
  }

  await add(Buffer.from(folder));
  return hash.digest('hex').slice(0, 40);
}

/** Entries between two turns of the event loop: about three milliseconds. */
const ENTRIES_PER_TURN = 500;

/**
 * Changes whenever something in the folder is written, renamed, added or removed; nothing but names and what `lstat`
 * says is read. It means nothing on another machine or after a copy.
 */
export async function folderFingerprint(
  folder: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const hash = createHash('sha256');
  let sinceTurn = 0;
  async function add(path: Buffer): Promise<void> {
    const { ino, mode, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
    hash.update(`${ino} ${mode} ${size} ${mtimeNs} ${ctimeNs}\0`);
    if (++sinceTurn % ENTRIES_PER_TURN === 0) await nextTurn(undefined, { signal: options.signal });
    if ((mode & S_IFMT) !== S_IFDIR) return;
    for (const name of readdirSync(path, { encoding: 'buffer' }).sort((a, b) => Buffer.compare(a, b))) {
      hash.update(name).update('\0');
      await add(Buffer.concat([path, SLASH, name]));
    }
  }
  await add(Buffer.from(folder));
  return hash.digest('hex');
}

const S_IFMT = BigInt(constants.S_IFMT);
const S_IFDIR = BigInt(constants.S_IFDIR);
const SLASH = Buffer.from('/');
const CHUNK_BYTES = 256 * 1024;
/** Read between two turns of the event loop: about three milliseconds. */
const TURN_BYTES = 4 * 1024 * 1024;
/** To open and read a file costs as much time as to hash this much. */
const FILE_COST_BYTES = 64 * 1024;
