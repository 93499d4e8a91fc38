import type { BlobStore } from '../../storage/blob-store.ts';
import type { KnownBlobs } from '../../storage/known-blobs.ts';
import type { Leases } from '../../storage/leases.ts';
import type { CompressorIdentity } from '../compressor.ts';
import { type LayerThreads, sharedLayerThreads } from '../threads/threads.ts';
import { type GroupPacker, groupPacker } from './group.ts';
import { namedSource, type PackedPath, packedPathAt, type PathToPack, publishPacked } from '../packed-path.ts';
import type { StorePathSource } from '../source/source.ts';
import type { NamedSource } from '../thread-work.ts';
import { findOrMake, type RecordedBlob, type RecordedBlobAt } from '../../storage/recorded-blob.ts';
import { sharedWork } from '../../concurrency/shared-work.ts';

export interface PackOptions {
  /** Where its bytes come from, when not from this machine's store. */
  readonly source?: StorePathSource | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A lease costs two requests, some 0.1 s: about as long as packing and sending this much. Smaller paths that two
 * instances want at the same time are packed twice.
 */
const LEASED_MIN_BYTES = 8_000_000;

export interface Packer {
  /** Packs a store path, unless the store has it packed. `made` tells. */
  readonly pack: (path: PathToPack, options?: PackOptions) => Promise<RecordedBlob<PackedPath>>;
  /** Packs store paths, and the layer that they make together, when none of them is packed. */
  readonly packGroup: GroupPacker;
}

/**
 * A packer for one store. Callers that want the same path at once share one packing.
 *
 * What it throws: StorePathMissingError, StorePathError, CompressorError, StorageError, Error of the file system, the reason of the signal.
 */
export function createPacker(into: {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  readonly compressor: CompressorIdentity;
  /** So that of all instances one packs a large path. */
  readonly leases?: Leases | undefined;
  /** What packs; the threads that all of this process share, unless others are given. */
  readonly threads?: Pick<LayerThreads, 'pack' | 'packGroup'> | undefined;
}): Packer {
  const { store, known, compressor, leases, threads = sharedLayerThreads(compressor.name) } = into;
  const share = sharedWork<RecordedBlob<PackedPath>>();
  const inGroups = new Set<string>();
  const recordOf = (path: PathToPack): RecordedBlobAt<PackedPath> => packedPathAt(into, path);
  const isLeased = ({ narSizeBytes }: PathToPack): boolean => leases !== undefined && narSizeBytes >= LEASED_MIN_BYTES;

  return {
    pack(path, { source, signal } = {}) {
      const at = recordOf(path);
      const packOnce = (stop: AbortSignal): Promise<RecordedBlob<PackedPath>> =>
        findOrMake(at, () => pack(store, threads, namedSource(path.path, source), stop), {
          signal: stop,
          leases: isLeased(path) ? leases : undefined,
        });
      const packing = share(at.key, packOnce, { signal });
      if (!inGroups.has(at.key)) return packing;
      // What is wrong with another of its group is nothing to this one.
      return packing.catch(() => share(at.key, packOnce, { signal }));
    },
    packGroup: groupPacker({ store, known, threads, share, recordOf, inGroups, isLeased }),
  };
}

async function pack(
  store: BlobStore,
  threads: Pick<LayerThreads, 'pack'>,
  path: NamedSource,
  signal: AbortSignal,
): Promise<PackedPath> {
  const packing = await threads.pack(path, { signal });
  try {
    return await publishPacked(store, packing, signal);
  } finally {
    await packing.close();
  }
}
