import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OperatorError } from '../../operator-error.ts';

/** The file system that a Nix store lies on. */
export interface StoreSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly usedBytes: number;
}

/** The store is not on a file system of its own, so that nobody can say what it takes. */
class StoreSpaceError extends OperatorError {
  readonly code = 'STORE_SPACE';
  override readonly name = 'StoreSpaceError';
}

/** @throws Error of the file system */
export async function measureStore(folder: string): Promise<StoreSpace> {
  const { bsize, blocks, bavail, bfree } = await statfs(folder);
  return { totalBytes: bsize * blocks, freeBytes: bsize * bavail, usedBytes: bsize * (blocks - bfree) };
}

/** @throws StoreSpaceError when `folder` is no mount point */
export async function checkOwnFileSystem(folder: string): Promise<void> {
  const [own, above] = await Promise.all([stat(folder), stat(dirname(folder))]);
  if (own.dev !== above.dev) return;
  throw new StoreSpaceError(`NIXERY_STORE_LIMIT_MB needs a volume of its own at ${folder}`);
}
