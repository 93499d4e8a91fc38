import type { Bucket, Storage } from '@google-cloud/storage';
import { isTransient, withoutRequest } from './error.ts';

/** A bucket, and who this process is at Google. */
export interface BucketClient {
  readonly bucket: Bucket;
  readonly auth: Storage['authClient'];
}

export interface BucketClientOptions {
  /** Where the API is, when not at Google: for tests. */
  readonly apiEndpoint?: string | undefined;
  /** How often a request that failed for the moment is repeated; default 5. */
  readonly maxRetries?: number | undefined;
  /** Each wait is that many times the one before it, from one second; default 2. */
  readonly retryDelayMultiplier?: number | undefined;
}

/** Waits of 1, 2, 4, 8 and 16 seconds: half a minute of 503s is waited for. */
const MAX_RETRIES = 5;
/**
 * How long the library waits for one answer, in milliseconds: calls have a deadline of their own, but what was asked for them
 * cannot be taken back, and would be held for ever.
 */
const REQUEST_MS = 30_000;
/** The library begins no request any more when a call is this old, in seconds. */
const TOTAL_S = 60;

/** The client of a bucket. Nothing is asked yet; the library is loaded here, which takes a fifth of a second. */
export async function bucketClient(
  bucketName: string,
  { apiEndpoint, maxRetries = MAX_RETRIES, retryDelayMultiplier }: BucketClientOptions = {},
): Promise<BucketClient> {
  const { IdempotencyStrategy, RETRYABLE_ERR_FN_DEFAULT, Storage } = await import('@google-cloud/storage');
  const storage = new Storage({
    // No request needs it; to find it out the library would run gcloud, and wait for that.
    projectId: 'unused',
    ...(apiEndpoint !== undefined && { apiEndpoint, useAuthWithCustomEndpoint: true }),
    timeout: REQUEST_MS,
    retryOptions: {
      maxRetries,
      totalTimeout: TOTAL_S,
      ...(retryDelayMultiplier !== undefined && { retryDelayMultiplier }),
      // Every write here has a precondition or may be repeated as it is. The default would, for a call without one,
      // switch retries off in an object that all calls of the moment share.
      idempotencyStrategy: IdempotencyStrategy.RetryAlways,
      retryableErrorFn: (error) => RETRYABLE_ERR_FN_DEFAULT(error) || isTransient(error),
    },
  });
  return { bucket: storage.bucket(bucketName), auth: storage.authClient };
}

/** Who this process is at Google, for messages. */
export async function callerOf(auth: BucketClient['auth']): Promise<string> {
  try {
    return (await auth.getCredentials()).client_email ?? 'an account without a name';
  } catch (error) {
    return `an account that cannot be asked for (${withoutRequest(error).message})`;
  }
}
