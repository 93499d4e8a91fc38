import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { Digest } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from './blob-store.ts';
import type { KnownBlobs } from './known-blobs.ts';
import type { Leases } from './leases.ts';
import { type ObjectKey, splitObjectKey } from './object-key.ts';
import { findRecord, type FoundRecord, settleRecord } from './record.ts';

/** A blob and the record that says how it was made. */
export interface RecordedBlob<T> {
  readonly value: T;
  /** False when the record was there, and its blob too. */
  readonly made: boolean;
  /** Where the record lies. */
  readonly key: ObjectKey;
}

export interface FindOrMakeOptions extends IoOptions {
  /** So that one instance makes it and the others wait. Without, several may make it at once, which wastes and harms nothing. */
  readonly leases?: Leases | undefined;
}

/** Where a record and its blob lie, or are to lie. */
export interface RecordedBlobAt<T> {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  readonly key: ObjectKey;
  readonly schema: z.ZodType<T>;
}

/** What a record says at least. */
interface NamedBlob {
  readonly digest: Digest;
  /** Of the blob. */
  readonly sizeBytes: number;
}

/** Between two looks at what another instance makes. */
const POLL_MS = 100;

/**
 * What a record says about the blob that it names, which is made when there is no record or the blob is gone. The blob
 * is published before the record.
 */
export async function findOrMake<T extends NamedBlob>(
  at: RecordedBlobAt<T>,
  make: () => Promise<T>,
  { signal, leases }: FindOrMakeOptions = {},
): Promise<RecordedBlob<T>> {
  const { key } = at;

  async function makeAnd(instead: FoundRecord<T>): Promise<RecordedBlob<T>> {
    return settleMade(at, await make(), instead, { signal });
  }

  for (;;) {
    const found = await findWhole(at, { signal });
    if (found.kind === 'found' && found.isWhole) return { value: found.value, made: false, key };
    if (leases === undefined) return makeAnd(found);
    const lease = await leases.take(splitObjectKey(key).name, { signal });
    if (lease === undefined) {
      await sleep(POLL_MS, undefined, { signal });
      continue;
    }
    try {
      signal?.throwIfAborted();
      // The holder before may have ended between the look and now.
      const now = await findWhole(at, { signal });
      return now.kind === 'found' && now.isWhole ? { value: now.value, made: false, key } : await makeAnd(now);
    } finally {
      await lease.release();
    }
  }
}

/** What a record says, and whether the blob that it names is there, in the length that it says. */
export async function findWhole<T extends NamedBlob>(
  { store, known, key, schema }: RecordedBlobAt<T>,
  { signal }: IoOptions = {},
): Promise<FoundRecord<T> & { readonly isWhole: boolean }> {
  const found = await findRecord(store, key, schema, { signal });
  if (found.kind !== 'found') return { ...found, isWhole: false };
  const { digest, sizeBytes } = found.value;
  known.expect(digest, sizeBytes);
  return { ...found, isWhole: await known.has(digest, { signal }) };
}

/**
 * Records how a blob was made that is published. The value is the record's that stands afterwards.
 *
 * @param instead what was found before
 */
export async function settleMade<T extends NamedBlob>(
  { store, known, key, schema }: RecordedBlobAt<T>,
  made: T,
  instead: FoundRecord<T>,
  { signal }: IoOptions = {},
): Promise<RecordedBlob<T>> {
  known.add(made.digest);
  known.expect(made.digest, made.sizeBytes);
  // A record whose blob is gone is as good as a broken one: what was made now takes its place.
  const stands =
    instead.kind === 'found' ? { ...instead, kind: 'broken' as const, reason: 'its blob is gone' } : instead;
  return { value: await settleRecord(store, key, schema, made, stands, { signal }), made: true, key };
}
