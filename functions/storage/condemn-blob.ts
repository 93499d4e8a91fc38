import { type Digest, openDigest } from '../oci/digest.ts';
import type { BlobStore, Generation, IoOptions } from './blob-store.ts';
import { blobKey } from './known-blobs.ts';

/**
 * Reads a blob that somebody could not use, and takes it out of service where its content is another than its digest says:
 * then it is made again.
 *
 * @returns whether the blob is right; false when there is none
 */
export async function isRightBlob(store: BlobStore, digest: Digest, { signal }: IoOptions = {}): Promise<boolean> {
  const key = blobKey(digest);
  const stat = await store.stat(key, { signal });
  const content = await store.read(key, { signal });
  if (stat === undefined || content === undefined) {
    content?.stream.destroy();
    return false;
  }
  const hash = openDigest();
  for await (const chunk of content.stream as AsyncIterable<Buffer>) hash.update(chunk);
  if (hash.digest() === digest) return true;
  await condemnBlob(store, digest, stat.generation);
  return false;
}

/** Takes a blob out of service, while it is still the one that was read. */
export async function condemnBlob(store: BlobStore, digest: Digest, generation: Generation): Promise<void> {
  const key = blobKey(digest);
  store.notice?.({ kind: 'broken-blob', key, reason: 'its content is another than its digest says' });
  await store.delete(key, { generation });
}
