import { packageObject } from '../builder/package-record.ts';
import { type ImageRecord, imageRecordSchema } from '../builder/image.ts';
import type { BlobStore, Generation, IoOptions } from '../storage/blob-store.ts';
import { blobKey } from '../storage/known-blobs.ts';
import { type ObjectKey, objectKey } from '../storage/object-key.ts';
import { findRecord, saidBy } from '../storage/record.ts';
import { eachOf } from './each-of.ts';

/** One record of an image: there are two of each, by its key and by its digest. */
export interface StoredImage {
  readonly key: ObjectKey;
  readonly generation: Generation;
  readonly record: ImageRecord;
}

/**
 * Reads all records of images that can be read, those without a proof too, which other versions serve; those that cannot be
 * read are nobody's, and need nothing.
 */
export function eachImage(
  store: BlobStore,
  visit: (image: StoredImage) => void | Promise<void>,
  options: IoOptions = {},
): Promise<void> {
  return eachOf(store.list('images', options), async ({ key }) => {
    const found = await findRecord(store, key, imageRecordSchema, options);
    const record = saidBy(found);
    if (found.kind !== 'absent' && record !== undefined) await visit({ key, generation: found.generation, record });
  });
}

/** What an image was made from and is served with, as objects of the store; without its own records. */
export function* neededBy(record: ImageRecord): Generator<ObjectKey, void, void> {
  yield* keptBy(record);
  for (const { digest } of record.contents) yield blobKey(digest);
}

/** The same without the blobs that are only copied from: they hold parts of other images' layers too. */
export function* keptBy(record: ImageRecord): Generator<ObjectKey, void, void> {
  for (const name of record.joins) yield objectKey('joins', name);
  for (const { name } of record.contents) yield objectKey('contents', name);
  for (const name of record.packages) yield packageObject(name);
  yield blobKey(record.digest);
  for (const digest of record.blobs) yield blobKey(digest);
}
