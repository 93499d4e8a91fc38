import { randomUUID } from 'node:crypto';
import { renameSync, unlinkSync } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { type BlobStore, type Generation, type IoOptions, StorageError } from '../blob-store.ts';
import { ifThere, linkNew, syncFolder, troubleOf, tryFile, withTemporaryFile } from './file.ts';
import { type FolderLock, withFolderLock } from './lock.ts';
import { checkRecordLength, compareFile, readRecordFile, statFile } from './object.ts';
import { openStaging, STAGING_FOLDER } from './staging.ts';
import { fileReadable } from './stream.ts';
import { type ObjectKey, parseObjectKey, splitObjectKey } from '../object-key.ts';

export interface FolderStoreOptions {
  /** After how long the lock of a killed process is taken over; default 5,000 ms. */
  readonly staleLockMs?: number;
  readonly notice?: BlobStore['notice'];
}

/**
 * A store in a folder that {@link prepareFolder} prepared, `AREA/NAME` a file each. Any number of processes may share it.
 *
 * After a crash of the machine every object is whole or absent, and what was answered as published is there: files are
 * synced before they get their name, and then the folder is (about 4 ms an object on a virtual disk, in parallel).
 */
export function folderStore(path: string, { staleLockMs, notice }: FolderStoreOptions = {}): BlobStore {
  const root = resolve(path);
  const name = `folder ${root}`;
  const staging = join(root, STAGING_FOLDER);
  const fileOf = (key: ObjectKey): string => join(root, key);
  const folderOf = (key: ObjectKey): string => join(root, splitObjectKey(key).area);

  function failure(action: string, key: string, cause: unknown): StorageError {
    return cause instanceof StorageError ? cause : new StorageError(name, action, key, cause, troubleOf(cause));
  }

  /** Runs `body`; what it throws becomes the signal's reason or a StorageError. */
  async function run<T>(
    action: string,
    key: string,
    signal: AbortSignal | undefined,
    body: () => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await body();
    } catch (error) {
      signal?.throwIfAborted();
      throw failure(action, key, error);
    }
  }

  function locked<T>(key: ObjectKey, options: IoOptions, body: (lock: FolderLock) => Promise<T>): Promise<T> {
    return withFolderLock(join(staging, `${key.replace('/', '.')}.lock`), body, {
      signal: options.signal,
      staleLockMs,
    });
  }

  /** Lets the file `temporary` take the place of the object while that is still of this generation. */
  function replace(key: ObjectKey, temporary: string, generation: Generation, options: IoOptions): Promise<boolean> {
    return locked(key, options, async (lock) => {
      if ((await statFile(fileOf(key), key))?.generation !== generation) return false;
      lock.checkHeld();
      renameSync(temporary, fileOf(key));
      await syncFolder(folderOf(key));
      return true;
    });
  }

  /** Gives a file that was written its name. */
  async function publish(
    key: ObjectKey,
    temporary: string,
    handle: FileHandle,
    options: IoOptions,
  ): Promise<'created' | 'existed' | 'replaced'> {
    // Most are new: only when the name turns out to be taken, what has it is looked at.
    await handle.datasync();
    for (;;) {
      options.signal?.throwIfAborted();
      if (await linkNew(temporary, fileOf(key))) {
        await syncFolder(folderOf(key));
        return 'created';
      }
      const old = await compareFile(fileOf(key), key, handle, options);
      if (old?.isSame) {
        // Who linked it may not have come to that yet.
        await syncFolder(folderOf(key));
        return 'existed';
      }
      if (old && (await replace(key, temporary, old.generation, options))) return 'replaced';
    }
  }

  const statObject: BlobStore['stat'] = (key, { signal } = {}) =>
    run('stat', key, signal, () => statFile(fileOf(key), key));

  return {
    name,
    ...(notice && { notice }),

    tryWriting: ({ signal } = {}) =>
      run('write', STAGING_FOLDER, signal, () => tryFile(join(staging, `try-${randomUUID()}`))),

    stat: statObject,
    touch: statObject, // Nothing expires in a folder.

    read: (key, { signal, range, pieces } = {}) =>
      run('read', key, signal, async () => {
        const handle = await ifThere(open(fileOf(key), 'r'));
        if (handle === undefined) return undefined;
        try {
          const stats = await handle.stat();
          if (!stats.isFile()) throw new Error('it is not a file');
          const sizeBytes = stats.size;
          if (range && !(range.start >= 0 && range.start <= range.end && range.end < sizeBytes)) {
            throw new Error(`no bytes ${range.start} to ${range.end} in ${sizeBytes}`);
          }
          signal?.throwIfAborted();
          const fail = (cause: unknown) => failure('read', key, cause);
          const stream = fileReadable(handle, { range, sizeBytes, pieces, fail });
          return { sizeBytes, stream: signal ? addAbortSignal(signal, stream) : stream };
        } catch (error) {
          await handle.close();
          throw error;
        }
      }),

    stage: ({ signal } = {}) => {
      const stagedKey = `${STAGING_FOLDER}/${randomUUID()}`;
      return run('stage', stagedKey, signal, () =>
        openStaging({
          ...{ root, stagedKey, signal, notice, failure },
          publish: (key, temporary, handle, options) =>
            run('publish', key, options.signal, () => publish(key, temporary, handle, options)),
        }),
      );
    },

    readRecord: (key, { signal } = {}) => run('read', key, signal, () => readRecordFile(fileOf(key), key)),

    createRecord: (key, bytes, { signal } = {}) =>
      run('create', key, signal, async () => {
        checkRecordLength(bytes.byteLength);
        return await withTemporaryFile(staging, bytes, async (temporary) => {
          signal?.throwIfAborted();
          if (!(await linkNew(temporary, fileOf(key)))) return false;
          await syncFolder(folderOf(key));
          return true;
        });
      }),

    replaceRecord: (key, bytes, generation, options = {}) =>
      run('replace', key, options.signal, async () => {
        checkRecordLength(bytes.byteLength);
        if ((await statFile(fileOf(key), key))?.generation !== generation) return false;
        return await withTemporaryFile(staging, bytes, (temporary) => replace(key, temporary, generation, options));
      }),

    delete: (key, { generation, ...options } = {}) =>
      run('delete', key, options.signal, async () => {
        if ((await ifThere(stat(fileOf(key)))) === undefined) return false;
        return await locked(key, options, async (lock) => {
          if (generation === undefined) {
            if ((await ifThere(stat(fileOf(key)))) === undefined) return false;
          } else if ((await statFile(fileOf(key), key))?.generation !== generation) return false;
          lock.checkHeld();
          unlinkSync(fileOf(key));
          return true;
        });
      }),

    async *list(area, { signal } = {}) {
      const names = await run('list', area, signal, () => readdir(join(root, area)));
      // What has another name was not made by a store. Names are ASCII, so the order of UTF-16 units is that of bytes.
      for (const listed of names.sort()) {
        const key = parseObjectKey(area, listed);
        const found = key && (await run('list', key, signal, () => statFile(fileOf(key), key)));
        if (found) yield { key, ...found };
      }
    },
  };
}
