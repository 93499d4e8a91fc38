import { randomUUID } from 'node:crypto';
import { type BucketClient, callerOf } from './client.ts';
import { withDeadline } from './deadline.ts';
import { isBucketMissing, statusOf, withoutRequest } from './error.ts';
import { newObject, NO_GENERATION, putWhole } from './object.ts';
import { STAGING_PREFIX } from './staging.ts';
import { OperatorError } from '../../operator-error.ts';

/** A bucket cannot hold the store. The message names the bucket, the account and what to do. */
export class BucketUnusableError extends OperatorError {
  readonly code = 'BUCKET_UNUSABLE';
  override readonly name = 'BucketUnusableError';
}

/** All rights that the store uses; it has no `storage.buckets.get`. */
const ROLE = 'roles/storage.objectUser';

/** How long a bucket may take to answer at all, in milliseconds. */
const START_MS = 60_000;

/**
 * Proves with a small object that this process can list, create and delete in the bucket.
 *
 * @throws BucketUnusableError
 */
export async function checkBucket({ bucket, auth }: BucketClient): Promise<void> {
  const probe = bucket.file(`${STAGING_PREFIX}start-${randomUUID()}`);
  try {
    const listing = bucket.getFiles({ prefix: STAGING_PREFIX, maxResults: 1, autoPaginate: false });
    const writing = putWhole(probe, Buffer.from('ok'), newObject('start', Date.now(), 'text/plain'), NO_GENERATION);
    await withDeadline(START_MS, () => Promise.all([listing, writing.then(() => probe.delete())]));
  } catch (error) {
    const account = await callerOf(auth);
    const cause = withoutRequest(error);
    throw new BucketUnusableError(
      `the bucket ${bucket.name} cannot hold the store, asked as ${account}: ${cause.message} ${remedyFor(error, bucket.name, account)}`,
      { cause },
    );
  }
}

function remedyFor(error: unknown, bucket: string, account: string): string {
  if (isBucketMissing(error)) return `Create the bucket, or set BUCKET to the name of one that exists.`;
  switch (statusOf(error)) {
    case 401:
    case 403:
      return (
        `Grant the role: gcloud storage buckets add-iam-policy-binding gs://${bucket} ` +
        `--member=serviceAccount:${account} --role=${ROLE}`
      );
    case undefined:
      return 'Check that this machine has credentials (gcloud auth application-default login) and reaches Google.';
    default:
      return `Check the bucket's settings and the status of Cloud Storage.`;
  }
}
