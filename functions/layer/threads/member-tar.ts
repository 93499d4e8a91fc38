import type { StorePathReader } from '../source/source.ts';
import { BLOCK_BYTES, MAX_PATH_BYTES, paddingBytes, tarHeader } from '../tar.ts';
import { type ByteString, type TreeEntry, UnfitForImageError } from '../tree.ts';

/**
 * How much is handed over at once, each time but the last. Small enough to stay in a core's cache between reading, hashing
 * and compressing, large enough that what each costs beside the bytes does not count; and what ISA-L takes as it is
 * (compressors/isal-stream.ts).
 */
const CHUNK_BYTES = 256 * 1024;

/** Modes in a Nix store (Nix manual, "File System Object": a file is executable or not, and that is all). */
const DIRECTORY_MODE = 0o555;
const FILE_MODE = 0o444;
const EXECUTABLE_MODE = 0o555;

/** Names with a meaning of their own in layers: they delete what lies below (image-spec 1.1, layer.md#whiteouts). */
const WHITEOUT_PREFIX = '.wh.';

/**
 * The tar entries of a store path, in the order in which they are read, without an end of the archive.
 *
 * **A chunk is valid until the next one is asked for**: then its memory is used again.
 *
 * @param name how the entries are named, without a slash in front: `nix/store/<hash>-<name>`
 * @param reader at the beginning; who opened it closes it
 * @throws UnfitForImageError for what no layer can hold, wherever it comes from; what the reader throws
 */
export async function* memberTar(name: ByteString, reader: StorePathReader): AsyncGenerator<Buffer, void, void> {
  const chunk = spareChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let used = 0;
  try {
    for (;;) {
      // What there is at once is not waited for.
      const next = reader.next();
      const entry = next instanceof Promise ? await next : next;
      if (entry === undefined) break;
      const header = headerOf(name, entry);
      for (let offset = 0; offset < header.length; offset += BLOCK_BYTES) {
        if (used === CHUNK_BYTES) {
          yield chunk;
          used = 0;
        }
        used += header.copy(chunk, used, offset, offset + BLOCK_BYTES);
      }
      if (entry.kind !== 'file') continue;
      for (let missing = entry.size; missing > 0;) {
        if (used === CHUNK_BYTES) {
          yield chunk;
          used = 0;
        }
        const read = reader.read(chunk, used, CHUNK_BYTES);
        const got = typeof read === 'number' ? read : await read;
        used += got;
        missing -= got;
      }
      // There is room: a chunk is a whole number of blocks.
      const padded = used + paddingBytes(entry.size);
      chunk.fill(0, used, padded);
      used = padded;
    }
    if (used > 0) yield chunk.subarray(0, used);
  } finally {
    spareChunks.push(chunk);
  }
}

function headerOf(name: ByteString, entry: TreeEntry): Buffer {
  const path = `${name}${entry.below}`;
  checkPath(path, entry.below);
  switch (entry.kind) {
    case 'directory':
      return tarHeader({ kind: 'directory', path, mode: DIRECTORY_MODE });
    case 'symlink':
      return tarHeader({ kind: 'symlink', path, target: entry.target });
    case 'file':
      return tarHeader({ kind: 'file', path, mode: entry.executable ? EXECUTABLE_MODE : FILE_MODE, size: entry.size });
    default:
      throw new RangeError(`no such entry: ${String(entry satisfies never)}`);
  }
}

function checkPath(path: ByteString, below: ByteString): void {
  if (below.startsWith(WHITEOUT_PREFIX, below.lastIndexOf('/') + 1)) {
    throw new UnfitForImageError(
      `/${path}`,
      `cannot be in an image: a name that begins with ${WHITEOUT_PREFIX} deletes files there. Its package has to give it another name`,
    );
  }
  if (path.length > MAX_PATH_BYTES) {
    throw new UnfitForImageError(
      `/${path}`,
      `cannot be in an image: its path has more than ${MAX_PATH_BYTES} bytes. Its package has to give it a shorter one`,
    );
  }
}

/** As many as were ever in use at once: new memory costs more than what is done with it, in a virtual machine above all. */
const spareChunks: Buffer[] = [];
