import { z } from 'zod';
import type { ClosurePath, StorePath } from '../nix/store-path.ts';
import { type Digest, digestFromHex } from '../oci/digest.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import { objectKey } from '../storage/object-key.ts';
import { keyHash } from '../storage/record.ts';
import { type CompressorIdentity, compressorIdentity } from './compressor.ts';
import { bytesSchema, digestSchema } from './digest-schema.ts';
import { FRAME_VERSION } from './frame.ts';
import type { Packing, StorePathPlace } from './packing.ts';
import { publishBlob } from './publish-blob.ts';
import type { RecordedBlobAt } from './recorded-blob.ts';
import { byteString, type Tree } from './tree.ts';

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

/** What is packed, as Nix names it. */
export type PathToPack = Pick<ClosurePath, 'path' | 'narHash' | 'narSizeBytes'>;

/** Where the record of a packed path lies. */
export function packedPathAt(
  {
    store,
    known,
    compressor,
  }: { readonly store: BlobStore; readonly known: KnownBlobs; readonly compressor: CompressorIdentity },
  { path, narHash }: PathToPack,
): RecordedBlobAt<PackedPath> {
  const identity = compressorIdentity(compressor);
  const name = keyHash({ format: FORMAT, frame: FRAME_VERSION, compressor: identity, path, narHash });
  return { store, known, key: objectKey('contents', name), schema: packedPathSchema };
}

/** Where store paths are on this machine, and what is known of them. */
export interface OnDisk {
  /** Where a store path's content lies, when not at the path itself. */
  readonly locationOf?: ((path: StorePath) => string) | undefined;
  /** What was read there, whole; undefined when it was not, or is too long to be handed on. */
  readonly treeOf?: ((path: StorePath) => Tree | undefined) | undefined;
}

export function placeOf(path: StorePath, location: string, tree: Tree | undefined): StorePathPlace {
  return { name: path.slice(1), location: byteString(location), tree };
}

/** Publishes a path's layer while it is packed. */
export async function publishPacked(store: BlobStore, packing: Packing, signal: AbortSignal): Promise<PackedPath> {
  const blob = await publishBlob(store, packing, { signal });
  const { sha256, uncompressedBytes, memberBytes } = packing.totals();
  return {
    format: FORMAT,
    ...blob,
    diffId: digestFromHex(sha256),
    uncompressedBytes,
    memberOffset: packing.memberOffset,
    memberBytes,
  };
}
