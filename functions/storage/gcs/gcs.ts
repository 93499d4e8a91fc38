import type { BlobStore } from '../blob-store.ts';
import type { UrlSigner } from '../url-signer.ts';
import { type BucketClient, bucketClient } from './client.ts';
import { keySigner, readSigningKey } from './key-signer.ts';
import { keylessSigner } from './keyless-signer.ts';
import { PUBLIC_ENDPOINT, publicUrls } from './signed-url.ts';
import { checkBucket } from './start.ts';
import { bucketStore, type BucketStoreOptions } from './store.ts';

/** A bucket of Cloud Storage, and who signs its URLs; nobody does when its objects are public. */
export interface BucketSettings {
  readonly bucket: string;
  /** Where the API is, when not at Google: for tests. */
  readonly apiEndpoint: string | undefined;
  readonly signing:
    | { readonly kind: 'key'; readonly path: string; readonly account: string | undefined }
    | { readonly kind: 'keyless'; readonly account: string }
    | { readonly kind: 'public' };
}

/**
 * The store in a bucket, proved to be usable.
 *
 * @throws BucketUnusableError, SigningKeyError
 */
export async function openBucket(
  settings: BucketSettings,
  options?: BucketStoreOptions,
): Promise<{ readonly store: BlobStore; readonly signer: UrlSigner }> {
  const { bucket, apiEndpoint } = settings;
  const client = await bucketClient(bucket, { apiEndpoint });
  const [signer] = await Promise.all([signerOf(settings, client), checkBucket(client)]);
  return { store: bucketStore(client.bucket, options), signer };
}

async function signerOf({ bucket, apiEndpoint, signing }: BucketSettings, { auth }: BucketClient): Promise<UrlSigner> {
  const at = { bucket, endpoint: apiEndpoint ?? PUBLIC_ENDPOINT };
  switch (signing.kind) {
    case 'key':
      return keySigner(at, await readSigningKey(signing.path, signing.account));
    case 'keyless':
      return keylessSigner({ ...at, iamEndpoint: apiEndpoint }, auth, signing.account);
    case 'public':
      return publicUrls(at);
    default:
      throw new RangeError(`no such way to sign: ${String(signing satisfies never)}`);
  }
}
