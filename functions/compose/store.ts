import type { StorageSettings } from '../config/storage-settings.ts';
import type { Log } from '../log.ts';
import type { BlobStore, StoreNotice } from '../storage/blob-store.ts';
import { openFolder } from '../storage/folder/folder.ts';
import { openBucket } from '../storage/gcs/gcs.ts';
import type { UrlSigner } from '../storage/url-signer.ts';

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
  return settings.backend === 'filesystem'
    ? { store: await openFolder(settings.path, { notice }) }
    : openBucket(settings, { notice });
}

/** The store alone. */
export async function composeStore(settings: StorageSettings, log?: Pick<Log, 'warn'>): Promise<BlobStore> {
  return (await composeStorage(settings, log)).store;
}

const NOTICES = {
  'broken-record': 'a broken record is made again',
  'replaced-blob': 'a broken blob was replaced',
  'broken-blob': 'a broken blob is made again by the next pull of an image with it',
  'unlisted-tag': 'a tag that was pulled is not listed, as that cannot be recorded',
  'staging-left': 'what was staged cannot be removed, and is left for now',
};
