import { randomUUID } from 'node:crypto';
import { readlinkSync, unlinkSync } from 'node:fs';
import { readlink, symlink, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IoOptions } from '../blob-store.ts';
import { ifThere, isErrno } from './file.ts';

/**
 * A lock that one process holds for this long was left by a killed one, and is taken over. What happens under a lock
 * is one comparison and one rename: milliseconds.
 */
const STALE_LOCK_MS = 5_000;
const POLL_MS = 10;

export interface FolderLock {
  /**
   * To be called right before what the lock protects: a holder that was stopped for longer than {@link STALE_LOCK_MS}
   * (a suspended machine, a slow disk) may have lost it. Synchronous, so that next to nothing comes between.
   *
   * @throws LockLostError which `withFolderLock` answers by beginning anew
   */
  checkHeld(): void;
}

class LockLostError extends Error {}

/**
 * Runs `action` while holding the lock `path`, which excludes every other process that shares the folder. Waits for
 * other holders; for a killed one, for {@link STALE_LOCK_MS}. An action that finds its lock lost is run again with a
 * new one.
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
  for (;;) {
    const holder = randomUUID();
    await take(path, holder, staleLockMs, signal);
    try {
      return await action({
        checkHeld: () => {
          if (holderSync(path) !== holder) throw new LockLostError('another took the lock over');
        },
      });
    } catch (error) {
      if (!(error instanceof LockLostError)) throw error;
    } finally {
      if (holderSync(path) === holder) unlinkSync(path);
    }
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
    const seenForMs = performance.now() - seen.sinceMs;
    if (seenForMs > staleLockMs) await breakLock(path, holder, { anew: seenForMs > 2 * staleLockMs });
    await sleep(POLL_MS * (0.5 + Math.random()), undefined, { signal });
  }
}

/**
 * Takes the lock away from `stale`. Of all who try, the one that makes the link beside it does so: nobody who was slow
 * takes it from a new holder. `anew`: the link was left by a killed process as well, and goes.
 */
async function breakLock(path: string, stale: string, { anew }: { readonly anew: boolean }): Promise<void> {
  const breaking = `${path}.${stale}`;
  const isMine = await makeLock(breaking, stale);
  if (isMine && holderSync(path) === stale) unlinkSync(path);
  if (isMine || anew) await ifThere(unlink(breaking));
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
