import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { digestFromHex } from '../oci/digest.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import type { Compressor } from './compressor.ts';
import type { Layer } from './join.ts';
import { publishBlob } from './publish-blob.ts';
import type { RootDirectory, RootNode } from './root-node.ts';
import { END_OF_ARCHIVE, paddingBytes, tarHeader } from './tar.ts';
import type { ByteString } from './tree.ts';

/**
 * Makes the layer of an image's root and publishes it. It is small, some 10,000 links at most, so it is made in memory, step
 * by step, so that others have the event loop in between.
 *
 * @throws StorageError, CompressorError, or the reason of the signal
 */
export async function publishRootLayer(
  {
    store,
    known,
    compressor,
  }: { readonly store: BlobStore; readonly known: KnownBlobs; readonly compressor: Compressor },
  root: () => RootDirectory,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Layer> {
  const tree = root();
  await nextTurn();
  const tar = rootTar(tree);
  await nextTurn();
  const diffId = digestFromHex(createHash('sha256').update(tar).digest('hex'));
  const blob = await publishBlob(store, compressor.compress([tar]), options);
  known.add(blob.digest);
  return { ...blob, diffId, uncompressedBytes: tar.length };
}

/** The archive of a root: entries sorted by name, and its end. */
export function rootTar(root: RootDirectory): Buffer {
  const parts: Buffer[] = [tarHeader({ kind: 'directory', path: './', mode: root.mode })];

  function add(path: ByteString, node: RootNode): void {
    switch (node.kind) {
      case 'directory':
        if (path !== '') parts.push(tarHeader({ kind: 'directory', path, mode: node.mode }));
        for (const [name, child] of [...node.entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
          add(path === '' ? name : `${path}/${name}`, child);
        }
        break;
      case 'file':
        parts.push(tarHeader({ kind: 'file', path, mode: node.mode, size: node.content.length }));
        parts.push(node.content, Buffer.alloc(paddingBytes(node.content.length)));
        break;
      case 'symlink':
        parts.push(tarHeader({ kind: 'symlink', path, target: node.target }));
        break;
      default:
        throw new RangeError(`no such node: ${String(node satisfies never)}`);
    }
  }

  add('', root);
  return Buffer.concat([...parts, END_OF_ARCHIVE]);
}
