import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Digest } from '../../oci/digest.ts';
import type { System } from '../../oci/platform.ts';
import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import { KNOWN_FOR_MS } from '../../storage/known-blobs.ts';
import { findRecord, settleRecord } from '../../storage/record.ts';
import type { Image } from '../image.ts';
import { indexOf, manifestsOf, platformsObject, platformsRecord, platformsSchema } from './index-record.ts';

/** An image of an index. */
export interface IndexEntry {
  readonly system: System;
  readonly image: Image;
}

/** An index, and the manifests that it leads to. */
export interface FoundIndex {
  readonly image: Image;
  readonly manifests: readonly Digest[];
}

/** Image indexes: those used lately in memory, all in the store by their digests, so that any instance serves them. */
export interface ImageIndexes {
  /** The index of images, recorded before it is given. */
  of(entries: readonly IndexEntry[], options?: IoOptions): Promise<Image>;
  /** The same where this process has recorded it. */
  peek(entries: readonly IndexEntry[]): Image | undefined;
  /** An index that this process remembers. */
  peekByDigest(digest: Digest): FoundIndex | undefined;
  /** An index that was recorded; undefined when none has this digest. */
  find(digest: Digest, options?: IoOptions): Promise<FoundIndex | undefined>;
  /** Ends what goes on. */
  stop(): Promise<void>;
}

/** Indexes that a process remembers; one takes a kilobyte. */
const MAX_REMEMBERED = 5_000;
/** A record that was used within a day is not kept from expiring again. */
const RENEW_EVERY_MS = 24 * 60 * 60 * 1000;

export function imageIndexes(world: {
  readonly store: BlobStore;
  readonly log: Pick<Logger, 'warn'>;
  /** The time, as objects are dated by. */
  readonly nowMs?: () => number;
}): ImageIndexes {
  const { store, log, nowMs = Date.now } = world;
  // As long as a record of an image is believed: another process may have removed it.
  const limits = { max: MAX_REMEMBERED, ttl: KNOWN_FOR_MS };
  const recorded = new LRUCache<string, Image>(limits);
  const byDigest = new LRUCache<Digest, FoundIndex>(limits);
  const stopped = new AbortController();
  const renewing = new Set<Promise<void>>();

  const nameOf = (entries: readonly IndexEntry[]): string => entries.map(({ image }) => image.digest).join();

  async function renew(digest: Digest): Promise<void> {
    const options = { signal: stopped.signal };
    try {
      const usedMs = await store.usedMs?.(platformsObject(digest), options);
      if (usedMs !== undefined && nowMs() - usedMs >= RENEW_EVERY_MS)
        await store.touch(platformsObject(digest), options);
    } catch (error) {
      // The next look comes within hours, long before anything expires.
      if (!stopped.signal.aborted) log.warn({ index: digest, err: error }, 'an index could not be renewed');
    }
  }

  /** Keeps what was there from expiring; nobody waits for it. */
  function keep(digest: Digest): void {
    const work = renew(digest).finally(() => renewing.delete(work));
    renewing.add(work);
  }

  return {
    peek: (entries) => recorded.get(nameOf(entries)),
    peekByDigest: (digest) => byDigest.get(digest),

    async of(entries, options = {}) {
      const known = recorded.get(nameOf(entries));
      if (known !== undefined) return known;
      const record = platformsRecord(entries);
      const object = platformsObject(record.digest);
      const found = await findRecord(store, object, platformsSchema, options);
      await settleRecord(store, object, platformsSchema, record, found, options);
      if (found.kind === 'found') keep(record.digest);
      const image = indexOf(record);
      recorded.set(nameOf(entries), image);
      byDigest.set(record.digest, { image, manifests: entries.map((entry) => entry.image.digest) });
      return image;
    },

    async find(digest, options = {}) {
      const found = await findRecord(store, platformsObject(digest), platformsSchema, options);
      if (found.kind !== 'found' || found.value.digest !== digest) return undefined;
      keep(digest);
      const index = { image: indexOf(found.value), manifests: manifestsOf(found.value) };
      byDigest.set(digest, index);
      return index;
    },

    async stop() {
      stopped.abort();
      await Promise.all(renewing);
    },
  };
}
