import type { StorageSettings } from '../config/storage-settings.ts';
import type { Log } from '../log.ts';
import type { BlobStore, StoreNotice } from '../storage/blob-store.ts';
import { folderStore } from '../storage/folder/store.ts';
import { prepareFolder } from '../storage/folder/prepare.ts';
import { type BucketClient, bucketClient } from '../storage/gcs/client.ts';
import { checkBucket } from '../storage/gcs/start.ts';
import { bucketStore } from '../storage/gcs/store.ts';
import { publicUrls, PUBLIC_ENDPOINT, type UrlSigner } from '../storage/gcs/signed-url.ts';
import { keySigner, readSigningKey } from '../storage/gcs/key-signer.ts';
import { keylessSigner } from '../storage/gcs/keyless-signer.ts';

/** Where bytes rest, and how clients get at them without this program, where that is possible. */
export interface ComposedStorage {
  readonly store: BlobStore;
  readonly signer?: UrlSigner;
}

/**
 * The storage that was configured, proved to be usable: the service's and the commands'.
 *
 * @throws FolderUnusableError, BucketUnusableError, SigningKeyError
 */
export async function composeStorage(settings: StorageSettings, log?: Pick<Log, 'warn'>): Promise<ComposedStorage> {
  const notice = ({ kind, key, reason }: StoreNotice) => {
    log?.warn({ object: key, reason }, NOTICES[kind]);
  };
  if (settings.backend === 'filesystem') {
    await prepareFolder(settings.path);
    return { store: folderStore(settings.path, { notice }) };
  }
  const { bucket, apiEndpoint } = settings;
  const client = await bucketClient(bucket, { apiEndpoint });
  const [signer] = await Promise.all([composeSigner(settings, client), checkBucket(client)]);
  return { store: bucketStore(client.bucket, { notice }), signer };
}

/** The store alone. */
export async function composeStore(settings: StorageSettings, log?: Pick<Log, 'warn'>): Promise<BlobStore> {
  return (await composeStorage(settings, log)).store;
}

const NOTICES = {
  'broken-record': 'a broken record is made again',
  'replaced-blob': 'a broken blob was replaced',
  'broken-blob': 'a broken blob is made again by the next pull of an image with it',
  'staging-left': 'what was staged cannot be removed, and is left for now',
};

type BucketSettings = Extract<StorageSettings, { backend: 'gcs' }>;

async function composeSigner({ bucket, apiEndpoint, signing }: BucketSettings, { auth }: BucketClient) {
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
