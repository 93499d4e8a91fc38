import type { Config } from './config.ts';
import type { BlobStore } from './storage/blob-store.ts';
import { folderStore } from './storage/folder.ts';
import { prepareFolder } from './storage/folder-prepare.ts';

/**
 * The store that was configured, ready for use: the service's and the commands'.
 *
 * @throws FolderUnusableError
 */
export async function composeStore({ path }: Config['storage']): Promise<BlobStore> {
  await prepareFolder(path);
  return folderStore(path);
}
