import { LRUCache } from 'lru-cache';
import { type Digest, hexOf } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from './blob-store.ts';
import { type ObjectKey, objectKey } from './object-key.ts';

/** Which blobs a store has, remembered so that not every record costs a question. */
export interface KnownBlobs {
  /** Whether the blob is there, or was within the last hour. */
  has(digest: Digest, options?: IoOptions): Promise<boolean>;
  /** The blob's length, if it is there or was within the last hour; undefined when there is none. */
  sizeOf(digest: Digest, options?: IoOptions): Promise<number | undefined>;
  /** The same without asking: undefined also when it is not known. */
  peekSize(digest: Digest): number | undefined;
  /** It was published just now. */
  add(digest: Digest): void;
  /** It turned out to be gone. */
  forget(digest: Digest): void;
}

/** How long existence is believed without asking again. */
export const KNOWN_FOR_MS = 60 * 60 * 1000;

/** Each takes about a hundred bytes, reserved at the start. */
const MAX_KNOWN = 20_000;

/** Where a blob lies. */
export function blobKey(digest: Digest): ObjectKey {
  return objectKey('layers', hexOf(digest));
}

/** @param nowMs a clock that never goes back */
export function knownBlobs(store: BlobStore, nowMs: () => number = () => performance.now()): KnownBlobs {
  const known = new LRUCache<Digest, Known>({ max: MAX_KNOWN });
  const recent = (digest: Digest): Known | undefined => {
    const one = known.get(digest);
    return one !== undefined && nowMs() - one.sinceMs < KNOWN_FOR_MS ? one : undefined;
  };

  async function ask(digest: Digest, options: IoOptions): Promise<number | undefined> {
    const sinceMs = nowMs();
    // Asking for a blob is using it.
    const stat = await store.touch(blobKey(digest), options);
    if (stat === undefined) known.delete(digest);
    else known.set(digest, { sinceMs, sizeBytes: stat.sizeBytes });
    return stat?.sizeBytes;
  }

  return {
    async has(digest, options = {}) {
      return recent(digest) !== undefined || (await ask(digest, options)) !== undefined;
    },
    async sizeOf(digest, options = {}) {
      return recent(digest)?.sizeBytes ?? (await ask(digest, options));
    },
    peekSize: (digest) => recent(digest)?.sizeBytes,
    add(digest) {
      known.set(digest, { sinceMs: nowMs() });
    },
    forget(digest) {
      known.delete(digest);
    },
  };
}

interface Known {
  readonly sinceMs: number;
  /** Absent when it was published and nobody asked yet. */
  readonly sizeBytes?: number;
}
