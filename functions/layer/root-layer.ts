import { setImmediate as nextTurn } from 'node:timers/promises';
import { openDigest } from '../oci/digest.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import type { Compressor } from './compressor.ts';
import type { Layer } from './join.ts';
import { publishBlob } from '../storage/publish-blob.ts';
import type { RootDirectory, RootNode } from './root-node.ts';
import { END_OF_ARCHIVE, paddingBytes, tarHeader } from './tar.ts';
import type { ByteString } from './tree.ts';

/**
 * Makes the layer of an image's root and publishes it. It is made in this thread, some 10,000 links at most, and between
 * its pieces others have the event loop.
 *
 * @throws StorageError, CompressorError, or the reason of the signal
 */
export async function publishRootLayer(
  {
    store,
    known,
    compressor,
  }: { readonly store: BlobStore; readonly known: KnownBlobs; readonly compressor: Compressor },
  root: RootDirectory,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Layer> {
  const sha256 = openDigest();
  let uncompressedBytes = 0;
  async function* archive(): AsyncGenerator<Buffer, void, void> {
    for (const chunk of rootTar(root)) {
      sha256.update(chunk);
      uncompressedBytes += chunk.length;
      yield chunk;
      await nextTurn();
    }
  }
  const blob = await publishBlob(store, compressor.compress(archive()), options);
  known.add(blob.digest);
  return { ...blob, diffId: sha256.digest(), uncompressedBytes };
}

/** Longer than any entry, of which the longest has a path and a target of 4 KB each, but for the files of the root's own. */
const CHUNK_BYTES = 256 * 1024;

/**
 * The archive of a root: entries sorted by name, and its end.
 *
 * **A chunk is valid until the next one is asked for**: then its memory is used again.
 */
export function* rootTar(root: RootDirectory): Generator<Buffer, void, void> {
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let used = 0;
  for (const entry of [...entriesOf(root), END_OF_ARCHIVE]) {
    const bytes = Buffer.isBuffer(entry) ? entry : tarEntry(entry);
    if (used + bytes.length > CHUNK_BYTES) {
      yield chunk.subarray(0, used);
      used = 0;
    }
    used += bytes.copy(chunk, used);
  }
  yield chunk.subarray(0, used);
}

interface RootEntry {
  readonly path: ByteString;
  readonly node: RootNode;
}

/** What lies in a root, itself first, in the order of the archive. */
function entriesOf(root: RootDirectory): readonly RootEntry[] {
  const entries: RootEntry[] = [];
  function add(path: ByteString, node: RootNode): void {
    entries.push({ path: path === '' ? './' : path, node });
    if (node.kind !== 'directory') return;
    for (const [name, child] of [...node.entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
      add(path === '' ? name : `${path}/${name}`, child);
    }
  }
  add('', root);
  return entries;
}

function tarEntry({ path, node }: RootEntry): Buffer {
  switch (node.kind) {
    case 'directory':
      return tarHeader({ kind: 'directory', path, mode: node.mode });
    case 'file': {
      const { mode, content } = node;
      const header = tarHeader({ kind: 'file', path, mode, size: content.length });
      return Buffer.concat([header, content, Buffer.alloc(paddingBytes(content.length))]);
    }
    case 'symlink':
      return tarHeader({ kind: 'symlink', path, target: node.target });
    default:
      throw new RangeError(`no such node: ${String(node satisfies never)}`);
  }
}
