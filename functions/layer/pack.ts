import { z } from 'zod';
import type { ClosurePath } from '../nix/store-path.ts';
import { type Digest, digestFromHex } from '../oci/digest.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import type { Leases } from '../storage/leases.ts';
import { objectKey } from '../storage/object-key.ts';
import { keyHash } from '../storage/record.ts';
import { type CompressorIdentity, compressorIdentity } from './compressor.ts';
import { bytesSchema, digestSchema } from './digest-schema.ts';
import { FRAME_VERSION, HEAD } from './frame.ts';
import { type LayerThreads, sharedLayerThreads } from './layer-threads.ts';
import { publishBlob } from './publish-blob.ts';
import { findOrMake, type RecordedBlob } from './recorded-blob.ts';
import { sharedWork } from './shared-work.ts';
import { byteString } from './tree.ts';
import type { StorePathPlace } from './packing.ts';

/** Version of the record below and of how a member is made. */
const FORMAT = 1;

/** A store path as a layer of its own: head, the path's member, tail. */
export interface PackedPath {
  readonly format: typeof FORMAT;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Digest of the uncompressed layer. */
  readonly diffId: Digest;
  readonly uncompressedBytes: number;
  /** Where the path's member is in the blob, so that it can be copied into a layer of several paths. */
  readonly memberOffset: number;
  readonly memberBytes: number;
}

/** `contents/<key>`. */
export const packedPathSchema: z.ZodType<PackedPath> = z.strictObject({
  format: z.literal(FORMAT),
  digest: digestSchema,
  sizeBytes: bytesSchema,
  diffId: digestSchema,
  uncompressedBytes: bytesSchema,
  memberOffset: bytesSchema,
  memberBytes: bytesSchema,
});

export interface PackOptions {
  /** Where the path's content lies, when it is not at the path itself. */
  readonly location?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A lease costs two requests, some 0.1 s: about as long as packing and sending this much. Smaller paths that two
 * instances want at the same time are packed twice.
 */
const LEASED_MIN_BYTES = 8_000_000;

/** Packs a store path, unless the store has it packed. `made` tells. */
export type Packer = (
  path: Pick<ClosurePath, 'path' | 'narHash' | 'narSizeBytes'>,
  options?: PackOptions,
) => Promise<RecordedBlob<PackedPath>>;

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
  readonly threads?: Pick<LayerThreads, 'pack'> | undefined;
}): Packer {
  const { store, known, compressor, leases, threads = sharedLayerThreads(compressor.name) } = into;
  const share = sharedWork<RecordedBlob<PackedPath>>();

  return ({ path, narHash, narSizeBytes }, { location = path, signal } = {}) => {
    const name = keyHash({
      format: FORMAT,
      frame: FRAME_VERSION,
      compressor: compressorIdentity(compressor),
      path,
      narHash,
    });
    const at = { store, known, key: objectKey('contents', name), schema: packedPathSchema };
    const place = { name: path.slice(1), location: byteString(location) };
    const packOnce = (stop: AbortSignal): Promise<RecordedBlob<PackedPath>> =>
      findOrMake(at, () => pack(store, threads, place, stop), {
        signal: stop,
        leases: narSizeBytes >= LEASED_MIN_BYTES ? leases : undefined,
      });
    return share(name, packOnce, { signal });
  };
}

async function pack(
  store: BlobStore,
  threads: Pick<LayerThreads, 'pack'>,
  place: StorePathPlace,
  signal: AbortSignal,
): Promise<PackedPath> {
  const packing = await threads.pack(place, { signal });
  try {
    const blob = await publishBlob(store, packing, { signal });
    const { sha256, uncompressedBytes, memberBytes } = packing.totals();
    return {
      format: FORMAT,
      ...blob,
      diffId: digestFromHex(sha256),
      uncompressedBytes,
      memberOffset: HEAD.gzip.length,
      memberBytes,
    };
  } finally {
    await packing.close();
  }
}
