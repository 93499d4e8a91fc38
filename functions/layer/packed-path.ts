import { z } from 'zod';
import type { ClosurePath, StorePath } from '../nix/store-path.ts';
import { type Digest, digestFromHex } from '../oci/digest.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import { objectKey } from '../storage/object-key.ts';
import { keyHash } from '../storage/record.ts';
import { type CompressorIdentity, compressorIdentity, type LayerFormat } from './compressor.ts';
import { bytesSchema, digestSchema } from '../oci/digest-schema.ts';
import { FRAME_VERSION, HEAD, TAIL } from './frame/frame.ts';
import type { MemberTotals } from './thread-work.ts';
import type { NamedSource, Packing } from './thread-work.ts';
import { publishBlob, type PublishedBlob } from '../storage/publish-blob.ts';
import type { RecordedBlobAt } from '../storage/recorded-blob.ts';
import { localSource, type StorePathSource } from './source/source.ts';

/** Version of the record below and of how a member is made. */
const FORMAT = 1;

/** A store path's member, and the layer that it is in. */
interface PackedMember {
  readonly format: typeof FORMAT;
  /** Digest and length of the layer's blob. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Where the path's member is in the blob, so that it can be copied into other layers. */
  readonly memberOffset: number;
  readonly memberBytes: number;
}

/** A store path as a layer of its own: head, the path's member, tail. */
export interface PackedAlone extends PackedMember {
  /** Digest of the uncompressed layer. */
  readonly diffId: Digest;
  readonly uncompressedBytes: number;
}

/** A store path that was packed as one of several, and is nowhere else. */
export interface PackedTogether extends PackedMember {
  /** Length of the member's entries, uncompressed. */
  readonly memberTarBytes: number;
}

export type PackedPath = PackedAlone | PackedTogether;

export function isAlone(packed: PackedPath): packed is PackedAlone {
  return 'diffId' in packed;
}

/** Length of the entries of a path's member, uncompressed. */
export function memberTarBytesOf(packed: PackedPath): number {
  return isAlone(packed) ? packed.uncompressedBytes - HEAD.tar.length - TAIL.tar.length : packed.memberTarBytes;
}

const memberShape = {
  format: z.literal(FORMAT),
  digest: digestSchema,
  sizeBytes: bytesSchema,
  memberOffset: bytesSchema,
  memberBytes: bytesSchema,
};

/** `contents/<key>`. */
export const packedPathSchema: z.ZodType<PackedPath> = z.union([
  z.strictObject({ ...memberShape, diffId: digestSchema, uncompressedBytes: bytesSchema }),
  z.strictObject({ ...memberShape, memberTarBytes: bytesSchema }),
]);

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

/** Where the bytes of store paths come from. */
export interface StorePathSources {
  /** Asked when a path's turn to be packed has come. Without it, each comes from this machine's store. */
  readonly sourceOf?: ((path: StorePath) => StorePathSource) | undefined;
}

export function namedSource(path: StorePath, source: StorePathSource = localSource(path)): NamedSource {
  return { name: path.slice(1), source };
}

/** Publishes a path's layer while it is packed. */
export async function publishPacked(store: BlobStore, packing: Packing, signal: AbortSignal): Promise<PackedAlone> {
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

/** The records of paths that were packed together, in the order in which they are in their layer. */
export function packedTogether(
  { digest, sizeBytes }: PublishedBlob,
  format: LayerFormat,
  members: readonly MemberTotals[],
): readonly PackedTogether[] {
  let offset = HEAD[format].length;
  return members.map(({ memberBytes, memberTarBytes }) => {
    const memberOffset = offset;
    offset += memberBytes;
    return { format: FORMAT, digest, sizeBytes, memberOffset, memberBytes, memberTarBytes };
  });
}
