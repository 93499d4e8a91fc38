import { closeSync, constants, openSync, readSync } from 'node:fs';
import { BLOCK_BYTES, MAX_PATH_BYTES, paddingBytes, tarHeader } from '../tar.ts';
import {
  type ByteString,
  type Directory,
  isDirectory,
  isSymlink,
  onDisk,
  StorePathError,
  type Tree,
  UnfitForImageError,
} from '../tree.ts';

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
 * The tar entries of a store path, sorted by name, without an end of the archive. Everything is read with synchronous
 * calls, one chunk at a time; between chunks others have their turn.
 *
 * **A chunk is valid until the next one is asked for**: then its memory is used again.
 *
 * @param path how the entries are named, without a slash in front: `nix/store/<hash>-<name>`
 * @param location where it lies on this machine's disk
 * @param tree what {@link readTree} found there
 * @throws StorePathError when a file has another length than the tree says; UnfitForImageError for what no layer can hold
 */
export function* memberTar(path: ByteString, location: ByteString, tree: Tree): Generator<Buffer, void, void> {
  const chunk = spareChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let used = 0;
  // One loop, no generator in a generator: what each entry costs beside its bytes counts where thousands are small.
  const left: Entry[] = [{ path, location, node: tree }];
  try {
    for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
      const { node } = entry;
      const header = headerOf(entry.path, node);
      for (let offset = 0; offset < header.length; offset += BLOCK_BYTES) {
        if (used === CHUNK_BYTES) {
          yield chunk;
          used = 0;
        }
        used += header.copy(chunk, used, offset, offset + BLOCK_BYTES);
      }
      if (isDirectory(node)) pushEntries(left, entry, node);
      else if (!isSymlink(node)) {
        // Where a link has come in its place since, what that leads to may be nobody's business.
        const descriptor = openSync(onDisk(entry.location), constants.O_RDONLY | constants.O_NOFOLLOW);
        try {
          for (let missing = node.size; ;) {
            if (used === CHUNK_BYTES) {
              yield chunk;
              used = 0;
            }
            // One byte more than there should be, so that a file that grew does not pass for whole.
            const wanted = Math.min(missing + 1, CHUNK_BYTES - used);
            const got = readSync(descriptor, chunk, used, wanted, null);
            if (got > missing || (got === 0 && missing > 0)) {
              throw new StorePathError(entry.location, `changed while it was read: it had ${node.size} bytes`);
            }
            used += got;
            missing -= got;
            // A regular file gives less than was asked for only at its end (POSIX, read()).
            if (got < wanted && missing === 0) break;
          }
        } finally {
          closeSync(descriptor);
        }
        // There is room: a chunk is a whole number of blocks.
        const padded = used + paddingBytes(node.size);
        chunk.fill(0, used, padded);
        used = padded;
      }
    }
    if (used > 0) yield chunk.subarray(0, used);
  } finally {
    spareChunks.push(chunk);
  }
}

/** What is still to be packed: its path in the archive, and its place on the disk. */
interface Entry {
  readonly path: ByteString;
  readonly location: ByteString;
  readonly node: Tree;
}

/** Puts the entries of a directory on the stack, so that the first comes first. */
function pushEntries(stack: Entry[], { path, location }: Entry, { entries }: Directory): void {
  for (const [name] of entries) {
    if (name.startsWith(WHITEOUT_PREFIX)) {
      throw new UnfitForImageError(
        `${location}/${name}`,
        `cannot be in an image: a name that begins with ${WHITEOUT_PREFIX} deletes files there. Its package has to give it another name`,
      );
    }
    if (path.length + 1 + name.length > MAX_PATH_BYTES) {
      throw new UnfitForImageError(
        `${location}/${name}`,
        `cannot be in an image: its path has more than ${MAX_PATH_BYTES} bytes. Its package has to give it a shorter one`,
      );
    }
  }
  for (const [name, node] of entries.toReversed()) {
    stack.push({ path: `${path}/${name}`, location: `${location}/${name}`, node });
  }
}

function headerOf(path: ByteString, node: Tree): Buffer {
  if (isDirectory(node)) return tarHeader({ kind: 'directory', path, mode: DIRECTORY_MODE });
  if (isSymlink(node)) return tarHeader({ kind: 'symlink', path, target: node.target });
  return tarHeader({ kind: 'file', path, mode: node.executable ? EXECUTABLE_MODE : FILE_MODE, size: node.size });
}

/** As many as were ever in use at once: new memory costs more than what is done with it, in a virtual machine above all. */
const spareChunks: Buffer[] = [];
