import type { z } from 'zod';
import type { Digest } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import type { ObjectKey } from '../storage/object-key.ts';
import { findRecord, settleRecord } from '../storage/record.ts';

/** A blob and the record that says how it was made. */
export interface RecordedBlob<T> {
  readonly value: T;
  /** False when the record was there, and its blob too. */
  readonly made: boolean;
  /** Where the record lies. */
  readonly key: ObjectKey;
}

/**
 * What a record says about the blob that it names, which is made when there is no record or the blob is gone. The blob
 * is published before the record.
 */
export async function findOrMake<T extends { readonly digest: Digest }>(
  at: { readonly store: BlobStore; readonly known: KnownBlobs; readonly key: ObjectKey; readonly schema: z.ZodType<T> },
  make: () => Promise<T>,
  { signal }: IoOptions = {},
): Promise<RecordedBlob<T>> {
  const { store, known, key, schema } = at;
  const found = await findRecord(store, key, schema, { signal });
  if (found.kind === 'found' && (await known.has(found.value.digest, { signal }))) {
    return { value: found.value, made: false, key };
  }
  const made = await make();
  known.add(made.digest);
  // A record whose blob is gone is as good as a broken one: what was made now takes its place.
  const stands = found.kind === 'found' ? { ...found, kind: 'broken' as const, reason: 'its blob is gone' } : found;
  return { value: await settleRecord(store, key, schema, made, stands, { signal }), made: true, key };
}
