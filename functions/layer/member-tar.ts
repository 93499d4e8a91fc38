import { closeSync, constants, openSync, readSync } from 'node:fs';
import { BLOCK_BYTES, paddingBytes, tarHeader } from './tar.ts';
import {
  type ByteString,
  isDirectory,
  isSymlink,
  onDisk,
  type RegularFile,
  StorePathError,
  type Tree,
} from './tree.ts';

/**
 * How much is handed over at once, each time but the last. Small enough to stay in a core's cache between reading, hashing
 * and compressing, large enough that what each costs beside the bytes does not count; and what ISA-L takes as it is
 * (isal-stream.ts).
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
 * @throws StorePathError when a file has another length than the tree says, or a name cannot be in a layer
 */
export function* memberTar(path: ByteString, location: ByteString, tree: Tree): Generator<Buffer, void, void> {
  const chunk = spareChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let used = 0;

  function* flush(): Generator<Buffer, void, void> {
    if (used > 0) yield chunk.subarray(0, used);
    used = 0;
  }

  function* add(below: ByteString, node: Tree): Generator<Buffer, void, void> {
    const entry = `${path}${below}`;
    if (isDirectory(node)) {
      yield* put(tarHeader({ kind: 'directory', path: entry, mode: DIRECTORY_MODE }));
      for (const [name, child] of node.entries) {
        if (name.startsWith(WHITEOUT_PREFIX)) {
          throw new StorePathError(`${location}${below}/${name}`, 'has a name that deletes files when in a layer');
        }
        yield* add(`${below}/${name}`, child);
      }
    } else if (isSymlink(node)) {
      yield* put(tarHeader({ kind: 'symlink', path: entry, target: node.target }));
    } else {
      const mode = node.executable ? EXECUTABLE_MODE : FILE_MODE;
      yield* put(tarHeader({ kind: 'file', path: entry, mode, size: node.size }));
      yield* content(`${location}${below}`, node);
      yield* put(ZEROS.subarray(0, paddingBytes(node.size)));
    }
  }

  function* put(bytes: Buffer): Generator<Buffer, void, void> {
    const taken = bytes.copy(chunk, used);
    used += taken;
    if (taken === bytes.length) return;
    yield* flush();
    used += bytes.copy(chunk, used, taken);
  }

  function* content(file: ByteString, { size }: RegularFile): Generator<Buffer, void, void> {
    // Where a link has come in its place since, what that leads to may be nobody's business.
    const descriptor = openSync(onDisk(file), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      let missing = size;
      for (;;) {
        if (used === CHUNK_BYTES) yield* flush();
        // One byte more than there should be, so that a file that grew does not pass for whole.
        const wanted = Math.min(missing + 1, CHUNK_BYTES - used);
        const got = readSync(descriptor, chunk, used, wanted, null);
        if (got > missing || (got === 0 && missing > 0)) {
          throw new StorePathError(file, `changed while it was read: it had ${size} bytes`);
        }
        used += got;
        missing -= got;
        // A regular file gives less than was asked for only at its end (POSIX, read()).
        if (got < wanted && missing === 0) return;
      }
    } finally {
      closeSync(descriptor);
    }
  }

  try {
    yield* add('', tree);
    yield* flush();
  } finally {
    spareChunks.push(chunk);
  }
}

/** As many as were ever in use at once: new memory costs more than what is done with it, in a virtual machine above all. */
const spareChunks: Buffer[] = [];

const ZEROS = Buffer.alloc(BLOCK_BYTES);
