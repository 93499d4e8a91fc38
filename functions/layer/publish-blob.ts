import { createHash } from 'node:crypto';
import { type Digest, digestFromHex } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import { blobKey } from '../storage/known-blobs.ts';
import { feed } from './feed.ts';

export interface PublishedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
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
  const sha256 = createHash('sha256');
  let sizeBytes = 0;
  const staging = await store.stage({ signal });
  async function* counted(): AsyncGenerator<Buffer, void, void> {
    for await (const chunk of chunks) {
      sha256.update(chunk);
      sizeBytes += chunk.length;
      yield chunk;
    }
  }
  try {
    await feed(staging.writable, counted());
    const digest = digestFromHex(sha256.digest('hex'));
    const key = blobKey(digest);
    if ((await staging.publish(key, { signal })) === 'replaced') {
      store.notice?.({ kind: 'replaced-blob', key, reason: 'its content was not what its name says' });
    }
    return { digest, sizeBytes };
  } catch (error) {
    await staging.discard();
    // The stream's own AbortError hides why.
    signal?.throwIfAborted();
    throw error;
  }
}
