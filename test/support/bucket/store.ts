import { bucketClient } from '../../../functions/storage/gcs/client.ts';
import { type BucketStoreOptions, bucketStore } from '../../../functions/storage/gcs/store.ts';
import type { BlobStore } from '../../../functions/storage/blob-store.ts';
import { type BucketDouble, environmentOf } from './server.ts';

/** A store over a double, with the real client library. The library asks this process's environment where it runs. */
export async function storeOver(double: BucketDouble, options: BucketStoreOptions = {}): Promise<BlobStore> {
  Object.assign(process.env, environmentOf(double));
  const { bucket } = await bucketClient(double.bucket, { apiEndpoint: double.endpoint });
  return bucketStore(bucket, { nowMs: double.nowMs, ...options });
}
