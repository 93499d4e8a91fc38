import { randomUUID } from 'node:crypto';
import { readlinkSync, unlinkSync } from 'node:fs';
import { readlink, rename, symlink, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IoOptions } from './blob-store.ts';
import { ifThere, isErrno } from './folder-file.ts';

/**
 * A lock that one process holds for this long was left by a killed one, and is taken over. What happens under a lock
 * is one comparison and one rename: milliseconds.
 */
const STALE_LOCK_MS = 5_000;
const POLL_MS = 10;

export interface FolderLock {
  /**
   * Whether the lock is still this holder's: one that was stopped for longer than {@link STALE_LOCK_MS} (a suspended
   * machine) may have lost it. Synchronous, so that next to nothing comes between the answer and its use.
   */
  isHeld(): boolean;
}

/**
 * Runs `action` while holding the lock `path`, which excludes every other process that shares the folder. Waits for
 * other holders; for a killed one, for {@link STALE_LOCK_MS}.
 *
 * The lock is a symbolic link to nowhere that spells its holder: made in one step with its content, and also on a full
 * disk, where deleting must work.
 *
 * @throws Error of the file system, the reason of the signal, or what `action` throws
 */
export async function withFolderLock<T>(
  path: string,
  action: (lock: FolderLock) => Promise<T>,
  { signal, staleLockMs = STALE_LOCK_MS }: IoOptions & { staleLockMs?: number | undefined } = {},
): Promise<T> {
  const holder = randomUUID();
  await take(path, holder, staleLockMs, signal);
  try {
    return await action({ isHeld: () => holderSync(path) === holder });
  } finally {
    if (holderSync(path) === holder) unlinkSync(path);
  }
}

async function take(path: string, own: string, staleLockMs: number, signal?: AbortSignal): Promise<void> {
  // How long another has held it is measured by this process's own clock, since it first saw that holder: the clocks
  // of machines that share a folder differ.
  let seen: { readonly holder: string; readonly sinceMs: number } | undefined;
  for (;;) {
    signal?.throwIfAborted();
    if (await makeLock(path, own)) return;
    const holder = await ifThere(readlink(path));
    if (holder === undefined) continue;
    if (seen?.holder !== holder) seen = { holder, sinceMs: performance.now() };
    else if (performance.now() - seen.sinceMs > staleLockMs) await breakLock(path, own, holder);
    await sleep(POLL_MS * (0.5 + Math.random()), undefined, { signal });
  }
}

/** Takes the lock away from `stale`. One rename decides among those who try at once. */
async function breakLock(path: string, own: string, stale: string): Promise<void> {
  const broken = `${path}.${own}`;
  try {
    await rename(path, broken);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  const holder = await readlink(broken);
  // Another was faster and a new holder stood here: it gets its lock back. Should a third have come in between, the
  // new holder's isHeld() tells.
  if (holder !== stale) await makeLock(path, holder);
  await unlink(broken);
}

async function makeLock(path: string, holder: string): Promise<boolean> {
  try {
    await symlink(holder, path);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

function holderSync(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
