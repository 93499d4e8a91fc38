import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ifThere, isErrno, linkNew, syncFolder, withTemporaryFile } from './file.ts';
import { AREAS } from '../object-key.ts';
import { STAGING_FOLDER } from './staging.ts';
import { OperatorError } from '../../operator-error.ts';

/** What nobody has written to for this long was staged by a process that is gone. */
const STAGING_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** A folder cannot hold a store. The message says why and what to do. */
export class FolderUnusableError extends OperatorError {
  readonly code = 'FOLDER_UNUSABLE';
  override readonly name = 'FolderUnusableError';
  readonly path: string;
  /** What the operator can do, as an imperative. */
  readonly remedy: string;

  constructor(path: string, reason: string, remedy: string, cause: unknown) {
    super(`${path} cannot hold the store: ${reason}. ${remedy}.`, { cause });
    this.path = path;
    this.remedy = remedy;
  }
}

/**
 * Makes a folder ready for a store: creates it with its parents and the folders in it, proves that files can be made,
 * linked and synced there, and removes what was staged more than {@link STAGING_LIFETIME_MS} ago. Other processes may
 * be using the store.
 *
 * @throws FolderUnusableError
 */
export async function prepareFolder(path: string): Promise<void> {
  const root = resolve(path);
  try {
    for (const area of [...AREAS, STAGING_FOLDER]) await makeFolder(join(root, area));
    for (const area of [...AREAS, STAGING_FOLDER]) await prove(join(root, STAGING_FOLDER), join(root, area));
    await removeOldStaging(join(root, STAGING_FOLDER));
  } catch (error) {
    throw new FolderUnusableError(root, ...explain(error, root), error);
  }
}

/** Not `mkdir` with `recursive`: Node 24 tries for ever where a file system refuses with ENOENT, as /proc does. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) {
      const parent = await ifThere(stat(dirname(path)));
      if (parent) throw error;
      await makeFolder(dirname(path));
      await makeFolder(path);
    } else if (!isErrno(error, 'EEXIST') || !(await stat(path)).isDirectory()) throw error;
  }
}

async function prove(staging: string, folder: string): Promise<void> {
  await withTemporaryFile(staging, Buffer.from('probe'), async (temporary) => {
    // The dot keeps it out of listings.
    const probe = join(folder, `.probe-${randomUUID()}`);
    try {
      await linkNew(temporary, probe);
      await syncFolder(folder);
    } finally {
      await rm(probe, { force: true });
    }
  });
}

async function removeOldStaging(staging: string): Promise<void> {
  const oldestMs = Date.now() - STAGING_LIFETIME_MS;
  for (const name of await readdir(staging)) {
    const path = join(staging, name);
    const stats = await ifThere(lstat(path));
    if (stats && stats.mtimeMs < oldestMs) await rm(path, { force: true });
  }
}

/** Why the file system refused, and what to do. */
function explain(error: unknown, root: string): [reason: string, remedy: string] {
  if (isErrno(error, 'EEXIST', 'ENOTDIR'))
    return ['it, or what stands above it, is not a folder', 'Move that file away or choose another folder'];
  if (isErrno(error, 'ENOENT'))
    return ['the folder above it is missing and cannot be made', `Create ${dirname(root)} or choose another folder`];
  if (isErrno(error, 'EROFS'))
    return ['its file system is mounted read-only', 'Mount it writable or choose another folder'];
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) return ['its disk is full', 'Free space or choose another folder'];
  if (isErrno(error, 'EACCES') || (isErrno(error, 'EPERM') && error.syscall !== 'link'))
    return ['this user may not write there', `Give user ${String(process.getuid?.())} write permission to ${root}`];
  if (isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV'))
    return [
      'its file system cannot make hard links between its folders',
      'Choose a folder on a file system that can, such as ext4, xfs, btrfs or tmpfs',
    ];
  return [error instanceof Error ? error.message : String(error), 'Choose another folder'];
}
