import type { BlobStore } from '../blob-store.ts';
import { prepareFolder } from './prepare.ts';
import { folderStore, type FolderStoreOptions } from './store.ts';

/**
 * The store in a folder, which is made ready for it.
 *
 * @throws FolderUnusableError when it cannot be
 */
export async function openFolder(path: string, options?: FolderStoreOptions): Promise<BlobStore> {
  await prepareFolder(path);
  return folderStore(path, options);
}
