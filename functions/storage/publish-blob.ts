import { type Digest, openDigest } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from './blob-store.ts';
import { blobKey } from './known-blobs.ts';
import { ended, written } from '../concurrency/feed.ts';

export interface PublishedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** A blob on its way into the store, of which nothing is readable yet. */
export interface OpenBlob {
  /** Resolves when the chunk's memory can be used again. */
  write(chunk: Buffer): Promise<void>;
  /** Makes what was written readable under its digest, in one step. */
  publish(): Promise<PublishedBlob>;
  /** Removes what is staged; also after `publish`, which it does not undo. */
  discard(): Promise<void>;
}

/** Opens a blob. Who opens it discards it, whatever happens. */
export async function openBlob(store: BlobStore, { signal }: IoOptions = {}): Promise<OpenBlob> {
  const sha256 = openDigest();
  let sizeBytes = 0;
  const staging = await store.stage({ signal });
  // Every failure reaches who writes or publishes; without a listener it would end the process as well.
  staging.writable.on('error', () => undefined);
  return {
    write(chunk) {
      sha256.update(chunk);
      sizeBytes += chunk.length;
      return written(staging.writable, chunk);
    },
    async publish() {
      await ended(staging.writable);
      const digest = sha256.digest();
      const key = blobKey(digest);
      if ((await staging.publish(key, { signal })) === 'replaced') {
        store.notice?.({ kind: 'replaced-blob', key, reason: 'its content was not what its name says' });
      }
      return { digest, sizeBytes };
    },
    discard: () => staging.discard(),
  };
}

/**
 * Streams a blob into the store and publishes it under its digest. When anything fails, nothing is readable and
 * nothing is staged.
 *
 * @param chunks each may be valid only until the next is asked for
 */
export async function publishBlob(
  store: BlobStore,
  chunks: AsyncIterable<Buffer>,
  { signal }: IoOptions = {},
): Promise<PublishedBlob> {
  const blob = await openBlob(store, { signal });
  try {
    for await (const chunk of chunks) await blob.write(chunk);
    return await blob.publish();
  } catch (error) {
    await blob.discard();
    // The stream's own AbortError hides why.
    signal?.throwIfAborted();
    throw error;
  }
}
