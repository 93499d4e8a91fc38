import pLimit from 'p-limit';
import { z } from 'zod';
import { type Digest, digestFromHex } from '../oci/digest.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { isRightBlob } from '../storage/condemn-blob.ts';
import { blobKey, type KnownBlobs } from '../storage/known-blobs.ts';
import { type ObjectKey, objectKey, splitObjectKey } from '../storage/object-key.ts';
import { keyHash } from '../storage/record.ts';
import { bytesSchema, digestSchema } from '../oci/digest-schema.ts';
import { type Compressor, formatOf, type LayerFormat } from './compressor.ts';
import { FRAME_VERSION, HEAD, TAIL } from './frame/frame.ts';
import { inflateMembers } from './inflate-members.ts';
import type { Inflation } from './thread-work.ts';
import type { TarTotals } from './thread-work.ts';
import { type LayerThreads, sharedLayerThreads } from './threads/threads.ts';
import { isAlone, memberTarBytesOf, type PackedAlone, type PackedPath } from './packed-path.ts';
import { publishBlob, type PublishedBlob } from '../storage/publish-blob.ts';
import { findOrMake, type RecordedBlob, type RecordedBlobAt } from '../storage/recorded-blob.ts';
import { sharedWork } from '../concurrency/shared-work.ts';

/** Version of the record below and of how members are joined. */
const FORMAT = 1;

/** A layer of several store paths. */
export interface JoinedPaths {
  readonly format: typeof FORMAT;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Digest of the uncompressed layer. */
  readonly diffId: Digest;
  readonly uncompressedBytes: number;
}

/** `joins/<key>`. */
export const joinedPathsSchema: z.ZodType<JoinedPaths> = z.strictObject({
  format: z.literal(FORMAT),
  digest: digestSchema,
  sizeBytes: bytesSchema,
  diffId: digestSchema,
  uncompressedBytes: bytesSchema,
});

/** What a layer needs to know of itself to be in an image. */
export type Layer = Pick<PackedAlone, 'digest' | 'sizeBytes' | 'diffId' | 'uncompressedBytes'>;

/** A packed path, and where its record lies: what the path is, and how it is packed, decides that. */
export type Member = Pick<RecordedBlob<PackedPath>, 'value' | 'key'>;

/** A packed path's blob is not in the store although it was: it expired or was deleted, or was broken. Pack it again. */
export class BlobGoneError extends Error {
  readonly code = 'BLOB_GONE';
  override readonly name = 'BlobGoneError';
  readonly digest: Digest;

  constructor(store: string, digest: Digest) {
    super(`${store}: the blob ${digest} is gone`);
    this.digest = digest;
  }
}

/**
 * Joins the members of packed paths, in this order, to one layer, unless the store has it. A path that was packed alone
 * is a layer already. `made` tells.
 */
export type Joiner = (
  members: readonly Member[],
  options?: { readonly signal?: AbortSignal | undefined },
) => Promise<JoinedLayer>;

/** A layer, and the record that says how it was joined: absent for a path that is a layer already. */
export type JoinedLayer = Omit<RecordedBlob<Layer>, 'key'> & { readonly key?: ObjectKey };

/**
 * A joiner for one store. Callers that want the same layer at once share one joining.
 *
 * What it throws: BlobGoneError, StorageError, CompressorError for a member that is damaged, the reason of the signal;
 * RangeError for no paths at all.
 */
export function createJoiner(into: {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  /** Who packed the paths. */
  readonly compressor: Compressor;
  readonly threads?: Pick<LayerThreads, 'inflate' | 'isIdle'> | undefined;
}): Joiner {
  const { store, known, compressor, threads = sharedLayerThreads(compressor.name) } = into;
  const share = sharedWork<RecordedBlob<Layer>>();
  const small = pLimit(SMALL_AT_ONCE);

  /** A small layer does not wait for a thread: to start one takes ten times as long as to inflate it here. */
  function join(members: readonly Member[], signal: AbortSignal): Promise<JoinedPaths> {
    const world = { store, known, format: formatOf(compressor.name) };
    const paths = members.map(({ value }) => value);
    if (paths.reduce((sum, path) => sum + memberTarBytesOf(path), 0) > SMALL_BYTES)
      return threads.inflate({ signal }).then((one) => joinInto(world, one, paths, signal));
    return small(async () => {
      signal.throwIfAborted();
      const inflation = threads.isIdle() ? await threads.inflate({ signal }) : inflateMembers(compressor);
      return joinInto(world, inflation, paths, signal);
    });
  }

  return async (members, { signal } = {}) => {
    const [first, ...others] = members;
    if (first === undefined) throw new RangeError('a layer needs at least one path');
    if (others.length === 0 && isAlone(first.value)) return { value: first.value, made: false };
    const at = joinedPathsAt(
      { store, known },
      members.map(({ key }) => key),
    );
    const joinOnce = (stop: AbortSignal): Promise<RecordedBlob<Layer>> =>
      findOrMake(at, () => join(members, stop), { signal: stop });
    // Who looked the paths up before one of their blobs went is no help to who has packed them again.
    const from = members.map(({ value }) => value.digest).join(' ');
    return share(`${at.key} ${from}`, joinOnce, { signal });
  };
}

/**
 * Where the record of a layer of these paths, in this order, lies.
 *
 * @param members the keys of their own records: from one record to another of the same path the bytes of its member are
 *   the same, wherever they are
 */
export function joinedPathsAt(
  { store, known }: { readonly store: BlobStore; readonly known: KnownBlobs },
  members: readonly ObjectKey[],
): RecordedBlobAt<JoinedPaths> {
  const name = keyHash({
    format: FORMAT,
    frame: FRAME_VERSION,
    members: members.map((key) => splitObjectKey(key).name),
  });
  return { store, known, key: objectKey('joins', name), schema: joinedPathsSchema };
}

/** The record of a layer that was made now. */
export function joinedPaths(blob: PublishedBlob, { sha256, uncompressedBytes }: TarTotals): JoinedPaths {
  return { format: FORMAT, ...blob, diffId: digestFromHex(sha256), uncompressedBytes };
}

/** Some milliseconds of inflating and hashing, which others wait for piece by piece. */
const SMALL_BYTES = 8_000_000;
/** Each takes a megabyte or two: what inflates, what is read, and what a bucket has not confirmed. */
const SMALL_AT_ONCE = 4;

/** Joins, and closes the inflation. */
async function joinInto(
  { store, known, format }: { readonly store: BlobStore; readonly known: KnownBlobs; readonly format: LayerFormat },
  inflation: Inflation,
  paths: readonly PackedPath[],
  signal: AbortSignal,
): Promise<JoinedPaths> {
  /** What goes into the store, inflated on its way. */
  async function* layer(): AsyncGenerator<Buffer, void, void> {
    yield HEAD[format];
    for (const path of paths) {
      for await (const chunk of member(path)) {
        await inflation.write(chunk);
        yield chunk;
      }
      await inflation.endMember();
    }
    yield TAIL[format];
  }
  async function* member({ digest, memberOffset, memberBytes }: PackedPath): AsyncGenerator<Buffer, void, void> {
    const range = { start: memberOffset, end: memberOffset + memberBytes - 1 };
    const content = await store.read(blobKey(digest), { range, signal });
    if (content === undefined) {
      known.forget(digest);
      throw new BlobGoneError(store.name, digest);
    }
    for await (const chunk of content.stream) yield chunk as Buffer;
  }

  let totals: Awaited<ReturnType<typeof inflation.end>> | undefined;
  async function* checked(): AsyncGenerator<Buffer, void, void> {
    yield* layer();
    // Before the store has all of it: what is damaged is never published.
    totals = await inflation.end();
  }
  try {
    const blob = await publishBlob(store, checked(), { signal });
    if (totals === undefined) throw new Error('a joined layer was published before its end');
    return joinedPaths(blob, totals);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BlobGoneError) throw error;
    // Whoever could not read or inflate something may have met a broken blob, which would be met again each time.
    const wrong: Digest[] = [];
    for (const digest of new Set(paths.map((path) => path.digest))) {
      if (!(await isRightBlob(store, digest, { signal }))) wrong.push(digest);
    }
    for (const digest of wrong) known.forget(digest);
    throw wrong[0] === undefined ? error : new BlobGoneError(store.name, wrong[0]);
  } finally {
    await inflation.close();
  }
}
