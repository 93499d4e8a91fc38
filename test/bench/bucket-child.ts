import { environmentOf, startBucket } from '../support/bucket/server.ts';

/** A bucket in a process of its own, as it is in life: says how to reach it, and lasts until it is killed. */
const bucket = await startBucket();
process.send?.({ name: bucket.bucket, endpoint: bucket.endpoint, env: environmentOf(bucket) });
