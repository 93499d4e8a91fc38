import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import type { BlobStore, IoOptions, Staging, StorageError } from '../blob-store.ts';
import { isBlobKey, type ObjectKey } from '../object-key.ts';
import { removeFile } from './file.ts';
import { fileWritable } from './stream.ts';

/** Where a folder store stages; locks lie there, too. */
export const STAGING_FOLDER = 'uploads';

/** Opens a file in a store's staging. */
export async function openStaging(world: {
  /** The store's folder. */
  readonly root: string;
  /** Where in it the file is to lie. */
  readonly stagedKey: string;
  readonly signal: AbortSignal | undefined;
  readonly notice: BlobStore['notice'];
  readonly failure: (action: string, key: string, cause: unknown) => StorageError;
  /** Gives the file its name. */
  readonly publish: (
    key: ObjectKey,
    temporary: string,
    handle: FileHandle,
    options: IoOptions,
  ) => ReturnType<Staging['publish']>;
}): Promise<Staging> {
  const { stagedKey, failure, notice } = world;
  const temporary = join(world.root, stagedKey);
  const handle = await open(temporary, 'wx+');
  let removed: Promise<void> | undefined;
  const remove = (): Promise<void> => (removed ??= handle.close().finally(() => removeFile(temporary)));
  const writable = fileWritable(handle, (cause) => failure('write', stagedKey, cause), remove);
  if (world.signal) addAbortSignal(world.signal, writable);
  let isEnded = false;

  async function end(): Promise<void> {
    isEnded = true;
    // What the stream cannot remove either, remove() reports.
    writable.on('error', () => undefined).destroy();
    await remove().catch((error: unknown) => {
      notice?.({ kind: 'staging-left', key: stagedKey, reason: failure('discard', stagedKey, error).message });
    });
  }

  return {
    writable,
    async publish(key, options = {}) {
      if (isEnded || removed) throw failure('publish', key, 'its staging is gone');
      isEnded = true;
      try {
        options.signal?.throwIfAborted();
        if (!isBlobKey(key)) throw failure('publish', key, 'only blobs are published, records are created');
        if (!writable.writableFinished) throw failure('publish', key, 'its content was not written to its end');
        return await world.publish(key, temporary, handle, options);
      } finally {
        await end();
      }
    },
    discard: end,
  };
}
