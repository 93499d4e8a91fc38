import { type TestContext } from 'node:test';
import type { BlobStore } from '../../functions/storage/blob-store.ts';
import { bucketClient } from '../../functions/storage/gcs-client.ts';
import { bucketStore } from '../../functions/storage/gcs.ts';
import { type BucketDouble, environmentOf, startBucket } from '../support/bucket/server.ts';
import { blobStoreConformance } from './conformance.ts';

const doubles = new WeakMap<BlobStore, BucketDouble>();

async function openStore(double: BucketDouble): Promise<BlobStore> {
  // The library asks the environment where it runs.
  Object.assign(process.env, environmentOf(double));
  const { bucket } = await bucketClient(double.bucket, { apiEndpoint: double.endpoint });
  const store = bucketStore(bucket, { nowMs: double.nowMs });
  doubles.set(store, double);
  return store;
}

async function freshStore(context: TestContext): Promise<BlobStore> {
  const double = await startBucket();
  context.after(async () => {
    await double[Symbol.asyncDispose]();
  });
  return openStore(double);
}

function doubleOf(store: BlobStore): BucketDouble {
  const double = doubles.get(store);
  if (double === undefined) throw new Error('not a store of these tests');
  return double;
}

blobStoreConformance('a store in a bucket', freshStore, {
  countStaged: (store) => Promise.resolve(doubleOf(store).objects.names('uploads/').length),
  openAnother: (store) => openStore(doubleOf(store)),
});
