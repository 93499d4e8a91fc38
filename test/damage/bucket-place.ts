import { type BucketDouble, environmentOf, startBucket } from '../support/bucket/server.ts';
import { damaged } from '../support/store/damaged-store.ts';
import type { Place } from './place.ts';

/** The service over a bucket, without a key. Google's libraries read the variables of this process. */
function environmentOver(bucket: BucketDouble): Record<string, string> {
  const environment = { ...environmentOf(bucket), GCS_SIGNING_ACCOUNT: bucket.account };
  Object.assign(process.env, environment);
  return environment;
}

/** A bucket in this process. */
export async function bucketPlace(): Promise<Place & AsyncDisposable> {
  const whole = await startBucket();
  const keys = () => whole.objects.names().filter((name) => !name.startsWith('uploads/'));
  return {
    name: 'a bucket',
    hasBrokenBlobs: false,
    environment: environmentOver(whole),
    keys: () => Promise.resolve(keys()),
    async damaged(chosen, damage) {
      const copy = await startBucket();
      for (const key of keys()) {
        const { contentType, metadata, customTime = new Date().toISOString() } = whole.objects.get(key);
        const bytes = whole.objects.bytes(key);
        const content = chosen.includes(key) ? damaged(bytes, key, damage) : bytes;
        copy.objects.put(key, [content], { contentType, metadata, customTime }, {});
      }
      return {
        environment: environmentOver(copy),
        [Symbol.asyncDispose]: () => copy[Symbol.asyncDispose](),
      };
    },
    [Symbol.asyncDispose]: () => whole[Symbol.asyncDispose](),
  };
}
