import { LRUCache } from 'lru-cache';
import { type BucketClient, callerOf } from './client.ts';
import { withDeadline } from './deadline.ts';
import { isTransient, statusOf, withoutRequest } from './error.ts';
import type { ObjectKey } from '../object-key.ts';
import { SIGNED_FOR_S, signedUrl, type SigningSettings, unsignedUrl } from './signed-url.ts';
import { SigningError, type UrlSigner } from '../url-signer.ts';

const IAM_ENDPOINT = 'https://iamcredentials.googleapis.com';

/** A URL is handed out again while at least so much of its time is left. */
const MIN_LEFT_S = 240;
const MAX_REMEMBERED = 10_000;
/** For all attempts: who pulls is told within ten seconds that there is no answer. */
const TIMEOUT_MS = 7_500;

interface SignedObject {
  readonly signedMs: number;
  readonly url: Promise<string>;
}

/**
 * Signs through the IAM Credentials API, as an account whose key nobody has. One call for each URL; this process's own
 * token is asked for once and renewed by the client library before it expires.
 *
 * @param iamEndpoint of a test; default Google's
 */
export function keylessSigner(
  settings: SigningSettings & {
    readonly iamEndpoint?: string | undefined;
    /** How long a signature is waited for; default {@link TIMEOUT_MS}. */
    readonly timeoutMs?: number | undefined;
  },
  auth: BucketClient['auth'],
  account: string,
): UrlSigner {
  const { nowMs = Date.now, iamEndpoint = IAM_ENDPOINT, timeoutMs = TIMEOUT_MS } = settings;
  const recent = new LRUCache<ObjectKey, SignedObject>({ max: MAX_REMEMBERED });
  const url = `${iamEndpoint}/v1/projects/-/serviceAccounts/${encodeURIComponent(account)}:signBlob`;

  async function signNow(key: ObjectKey, signedMs: number): Promise<string> {
    const unsigned = unsignedUrl(settings, key, account, signedMs);
    try {
      const { data } = await withDeadline(timeoutMs, (stop) =>
        auth.request<{ signedBlob: string }>({
          url,
          method: 'POST',
          data: { payload: Buffer.from(unsigned.toSign).toString('base64') },
          signal: stop,
          // Signing the same again is harmless, so a POST may be repeated.
          retryConfig: { retry: 3, noResponseRetries: 3, retryDelay: 200, httpMethodsToRetry: ['POST'] },
        }),
      );
      return signedUrl(unsigned, Buffer.from(data.signedBlob, 'base64'));
    } catch (error) {
      throw await explain(error);
    }
  }

  async function explain(error: unknown): Promise<SigningError> {
    const cause = withoutRequest(error);
    const remedy =
      statusOf(error) === 403
        ? `. Grant ${await callerOf(auth)} a role with iam.serviceAccounts.signBlob on ${account}, ` +
          'and enable iamcredentials.googleapis.com in its project'
        : statusOf(error) === 404
          ? '. GCS_SIGNING_ACCOUNT names no account'
          : '';
    return new SigningError(`cannot sign as ${account}: ${cause.message}${remedy}`, {
      cause,
      isUnreachable: isTransient(error),
    });
  }

  return {
    description: `${account}, through the IAM API`,
    async urlOf(key, { signal } = {}) {
      signal?.throwIfAborted();
      const known = recent.get(key);
      const signedMs = nowMs();
      const ageMs = known === undefined ? Infinity : signedMs - known.signedMs;
      // One of the future, before the clock was put back, is good for nothing until then.
      if (known !== undefined && ageMs >= 0 && ageMs <= (SIGNED_FOR_S - MIN_LEFT_S) * 1000) return known.url;
      const signing = { signedMs, url: signNow(key, signedMs) };
      recent.set(key, signing);
      try {
        return await signing.url;
      } catch (error) {
        if (recent.peek(key) === signing) recent.delete(key);
        throw error;
      }
    },
  };
}
