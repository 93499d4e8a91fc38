import { LRUCache } from 'lru-cache';
import { type Digest, hexOf } from '../oci/digest.ts';
import type { BlobStore, IoOptions, ObjectStat } from './blob-store.ts';
import { type ObjectKey, objectKey } from './object-key.ts';

/**
 * Which blobs a store has, remembered so that not every record costs a question. One that has not the length that a record
 * says is none, and is noticed.
 */
export interface KnownBlobs {
  /** A record says how long it is. */
  expect(digest: Digest, sizeBytes: number): void;
  /** Asks, whatever is remembered; undefined when there is none. */
  look(digest: Digest, options?: IoOptions): Promise<ObjectStat | undefined>;
  /** Whether the blob is there, or was within the last hour: for who makes an image, so with patience. */
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
  const expected = new LRUCache<Digest, number>({ max: MAX_KNOWN });
  const recent = (digest: Digest): Known | undefined => {
    const one = known.get(digest);
    return one !== undefined && nowMs() - one.sinceMs < KNOWN_FOR_MS ? one : undefined;
  };

  async function lookIn(asked: BlobStore, digest: Digest, options: IoOptions): Promise<ObjectStat | undefined> {
    const sinceMs = nowMs();
    const key = blobKey(digest);
    // Asking for a blob is using it.
    const stat = await asked.touch(key, options);
    const sizeBytes = expected.get(digest) ?? stat?.sizeBytes;
    if (stat === undefined || stat.sizeBytes !== sizeBytes) {
      known.delete(digest);
      if (stat)
        store.notice?.({
          kind: 'broken-blob',
          key,
          reason: `it has ${stat.sizeBytes} bytes and not ${String(sizeBytes)}`,
        });
      return undefined;
    }
    known.set(digest, { sinceMs, sizeBytes });
    return stat;
  }

  const look: KnownBlobs['look'] = (digest, options = {}) => lookIn(store, digest, options);
  const { patient = store } = store;

  return {
    look,
    expect: (digest, sizeBytes) => void expected.set(digest, sizeBytes),
    async has(digest, options = {}) {
      return recent(digest) !== undefined || (await lookIn(patient, digest, options)) !== undefined;
    },
    async sizeOf(digest, options = {}) {
      return recent(digest)?.sizeBytes ?? (await look(digest, options))?.sizeBytes;
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
