import { z } from 'zod';
import { digestSchema } from '../oci/digest-schema.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import { blobKey } from '../storage/known-blobs.ts';
import type { ObjectKey } from '../storage/object-key.ts';
import { findRecord, saidBy } from '../storage/record.ts';
import { eachOf } from './each-of.ts';

/** What records of packed paths and of joined layers have in common. */
const namingSchema = z.object({ digest: digestSchema });

/** The blob that such a record names now; undefined when it is gone or broken. */
export async function blobNamedBy(
  store: BlobStore,
  key: ObjectKey,
  options: IoOptions,
): Promise<ObjectKey | undefined> {
  const found = await findRecord(store, key, namingSchema, options);
  const said = saidBy(found);
  return said && blobKey(said.digest);
}

/** The records of packed paths and of joined layers that name one of these blobs, whatever image they were made for. */
export async function recordsNaming(
  store: BlobStore,
  blobs: ReadonlySet<ObjectKey>,
  options: IoOptions,
): Promise<readonly ObjectKey[]> {
  const naming: ObjectKey[] = [];
  for (const area of ['contents', 'joins'] as const) {
    await eachOf(store.list(area, options), async ({ key }) => {
      const blob = await blobNamedBy(store, key, options);
      if (blob !== undefined && blobs.has(blob)) naming.push(key);
    });
  }
  return naming;
}
