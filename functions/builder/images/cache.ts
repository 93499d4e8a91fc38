import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { type Digest, hexOf } from '../../oci/digest.ts';
import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import { KNOWN_FOR_MS } from '../../storage/known-blobs.ts';
import { findRecord, settleRecord } from '../../storage/record.ts';
import { imageByManifest, imageObject, type ImageRecord, imageRecordSchema } from '../image.ts';
import type { RecoverImage } from './recover.ts';

/** The records of images: those used lately in memory, all in the store. */
export interface ImageCache {
  /**
   * One by its digest may have been recorded by a version that proved nothing: of that, what its manifest says is known.
   *
   * @param name an image's key, or the hexadecimal digits of its manifest's digest
   */
  find(name: string, options?: IoOptions): Promise<ImageRecord | undefined>;
  /** As `find`, in memory alone. */
  peek(name: string): ImageRecord | undefined;
  /** It was written to the store just now. */
  add(record: ImageRecord): void;
  /** Forgets, here and in the store, what is known to name a blob that is gone. */
  forgetNaming(digest: Digest, options?: IoOptions): Promise<void>;
}

/** Length of all records in memory; one has some 20 kB, so it is a matter of thousands of images. */
const MAX_RECORDS_BYTES = 32 * 1024 * 1024;
/** What a packed path takes in a record. */
const CONTENT_BYTES = 250;

/**
 * A record in memory is believed as long as the existence of a blob: an image that another process removed from the store
 * is gone from here within the hour, or as soon as a client asks for a blob that went with it.
 *
 * @param options `recover`: gets what a broken record by a digest said; `nowMs`: a clock that never goes back
 */
export function imageCache(
  store: BlobStore,
  log: Pick<Logger, 'warn'>,
  { recover, nowMs = () => performance.now() }: { readonly recover?: RecoverImage; readonly nowMs?: () => number } = {},
): ImageCache {
  const remembered = new LRUCache<string, ImageRecord>({
    maxSize: MAX_RECORDS_BYTES,
    sizeCalculation: (record) => record.manifest.length + record.contents.length * CONTENT_BYTES,
    ttl: KNOWN_FOR_MS,
    perf: { now: nowMs },
  });

  function add(record: ImageRecord): void {
    remembered.set(record.key, record);
    remembered.set(hexOf(record.digest), record);
  }

  return {
    add,
    peek: (name) => remembered.get(name),
    async find(name, options = {}) {
      const inMemory = remembered.get(name);
      if (inMemory !== undefined) return inMemory;
      const object = imageObject(name);
      const found = await findRecord(store, object, imageRecordSchema, options);
      if (found.kind === 'found') {
        add(found.value);
        return found.value;
      }
      if (found.kind === 'absent') return undefined;
      if (found.unproved?.value !== undefined) {
        const proved = imageByManifest(found.unproved.value, name);
        if (proved !== undefined) remembered.set(name, proved);
        return proved;
      }
      const recovered = await recover?.(name, options);
      if (recovered === undefined) return undefined;
      const record = await settleRecord(store, object, imageRecordSchema, recovered, found, options);
      add(record);
      return record;
    },
    async forgetNaming(digest, options = {}) {
      for (const record of new Set(remembered.values())) {
        if (!isNamedBy(record, digest)) continue;
        log.warn({ digest, image: record.digest }, 'a blob of an image is gone; its next pull makes it again');
        for (const name of [record.key, hexOf(record.digest)]) {
          remembered.delete(name);
          const object = imageObject(name);
          // Another instance may have made it again meanwhile, of other blobs.
          const found = await findRecord(store, object, imageRecordSchema, options);
          if (found.kind === 'found' && !isNamedBy(found.value, digest)) continue;
          if (found.kind !== 'absent') await store.delete(object, { ...options, generation: found.generation });
        }
      }
    },
  };
}

/** A manifest is a blob as well. */
function isNamedBy({ digest, blobs }: ImageRecord, blob: Digest): boolean {
  return digest === blob || blobs.includes(blob);
}
