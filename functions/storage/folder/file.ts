import { randomUUID } from 'node:crypto';
import { closeSync, constants, fsync, openSync } from 'node:fs';
import { type FileHandle, link, open, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StorageTrouble } from '../blob-store.ts';

const { O_CREAT, O_DSYNC, O_EXCL, O_WRONLY } = constants;
const syncDescriptor = promisify(fsync);

/** Whether the file system failed with one of these codes. */
export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** What an error of the file system means for the whole store. */
export function troubleOf(error: unknown): StorageTrouble {
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) return 'full';
  return isErrno(error, 'EROFS') ? 'read-only' : 'fault';
}

/** What `reading` resolves to, or undefined when there is no such file. */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Removes a file if it is there. `rm` with `force` asks the disk once more. */
export async function removeFile(path: string): Promise<void> {
  await ifThere(unlink(path));
}

/** Gives the file `path` a second name, in one step. False when the name is taken, by whatever process. */
export async function linkNew(path: string, name: string): Promise<boolean> {
  try {
    await link(path, name);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** As much as the records of an image take. */
const TRIED_BYTES = 64 * 1024;

/** Writes a file and removes it, without waiting for the disk: the file system says at the write whether it has room. */
export async function tryFile(path: string): Promise<void> {
  try {
    await writeFile(path, Buffer.alloc(TRIED_BYTES), { flag: 'wx' });
  } finally {
    await removeFile(path);
  }
}

/** What was asked for while a folder was being synced; it is synced once more for all of them. */
const nextSyncs = new Map<string, Promise<void>>();
const runningSyncs = new Map<string, Promise<void>>();

/**
 * Makes the names that a folder has now survive a crash of the machine. Whoever asks while it is being synced shares the
 * next sync with all others who do: dozens of files that are published together cost a few syncs.
 */
export function syncFolder(path: string): Promise<void> {
  const running = runningSyncs.get(path);
  if (running === undefined) return startSync(path);
  let next = nextSyncs.get(path);
  if (next === undefined) {
    // However the running one ends: its failure is told to those who asked for it.
    next = running.catch(() => undefined).then(() => startSync(path));
    nextSyncs.set(path, next);
  }
  return next;
}

function startSync(path: string): Promise<void> {
  nextSyncs.delete(path);
  const running = syncNow(path).finally(() => {
    if (runningSyncs.get(path) === running) runningSyncs.delete(path);
  });
  runningSyncs.set(path, running);
  return running;
}

async function syncNow(path: string): Promise<void> {
  // To open a folder takes some microseconds, and ten times that when another thread is asked to.
  const descriptor = openSync(path, 'r');
  try {
    await syncDescriptor(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Writes all of `bytes` behind what was written before: one write(2) may take less, near the end of a disk. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.byteLength;) {
    const { bytesWritten } = await handle.write(bytes, offset, bytes.byteLength - offset);
    offset += bytesWritten;
  }
}

/**
 * Writes a temporary file that is whole and on the disk, lets `use` link or rename it, and removes what is left of it.
 *
 * @param folder staging, in the same file system as where the file is to go
 */
export async function withTemporaryFile<T>(
  folder: string,
  bytes: Uint8Array,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = join(folder, randomUUID());
  // What a write has ended with is on the disk (open(2), O_DSYNC): as fdatasync(2), in one call less.
  const handle = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_DSYNC);
  try {
    try {
      await writeAll(handle, bytes);
    } finally {
      await handle.close();
    }
    return await use(path);
  } finally {
    await removeFile(path);
  }
}
