import { LRUCache } from 'lru-cache';
import { type Digest, hexOf } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from './blob-store.ts';
import { type ObjectKey, objectKey } from './object-key.ts';

/** Which blobs a store has, remembered so that not every record costs a question. */
export interface KnownBlobs {
  /** Whether the blob is there, or was within the last hour. */
  has(digest: Digest, options?: IoOptions): Promise<boolean>;
  /** It was published just now. */
  add(digest: Digest): void;
  /** It turned out to be gone. */
  forget(digest: Digest): void;
}

/** How long existence is believed without asking again. */
export const KNOWN_FOR_MS = 60 * 60 * 1000;

const MAX_KNOWN = 100_000;

/** Where a blob lies. */
export function blobKey(digest: Digest): ObjectKey {
  return objectKey('layers', hexOf(digest));
}

/** @param nowMs a clock that never goes back */
export function knownBlobs(store: BlobStore, nowMs: () => number = () => performance.now()): KnownBlobs {
  const known = new LRUCache<Digest, number>({ max: MAX_KNOWN });
  return {
    async has(digest, options = {}) {
      const sinceMs = known.get(digest);
      if (sinceMs !== undefined && nowMs() - sinceMs < KNOWN_FOR_MS) return true;
      const askedMs = nowMs();
      if ((await store.stat(blobKey(digest), options)) === undefined) {
        known.delete(digest);
        return false;
      }
      known.set(digest, askedMs);
      return true;
    },
    add(digest) {
      known.set(digest, nowMs());
    },
    forget(digest) {
      known.delete(digest);
    },
  };
}
