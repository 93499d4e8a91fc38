import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { type Digest, hexOf } from '../../oci/digest.ts';
import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import { blobKey } from '../../storage/known-blobs.ts';
import { type ObjectKey, objectKey } from '../../storage/object-key.ts';
import { imageObject, type ImageRecord } from '../image.ts';

/** Keeps what images in use need from expiring, where unused objects do. */
export interface Renewal {
  /** An image was served, from a record that had been there. Costs nothing but once a day. */
  served(record: ImageRecord): void;
  /** An image was made now, of parts that may have been there for long. */
  made(record: ImageRecord): void;
  /** Ends what goes on. */
  stop(): Promise<void>;
}

/** So seldom is an image looked at. The store expires what was unused for weeks. */
const LOOK_EVERY_MS = 24 * 60 * 60 * 1000;
/** Objects that are asked for at once: pulls go first. */
const MAX_AT_ONCE = 8;

/**
 * Goes through all that an image needs, the layers that its paths were copied from too: blobs first and records last, and the
 * image's own record at the very end. So a record that is fresh says that the rest is, and no instance does again what
 * another has done.
 *
 * @param world `missing` is told of a blob that the image needs and that is gone
 */
export function renewal(world: {
  readonly store: BlobStore;
  readonly log: Pick<Logger, 'warn'>;
  readonly missing: (blob: Digest) => Promise<void>;
  /** The time, as objects are dated by. */
  readonly nowMs?: () => number;
  /** A clock that never goes back. */
  readonly elapsedMs?: () => number;
}): Renewal {
  const { store, log, missing, nowMs = Date.now, elapsedMs = () => performance.now() } = world;
  if (store.usedMs === undefined) {
    return { served: () => undefined, made: () => undefined, stop: () => Promise.resolve() };
  }
  const limit = pLimit(MAX_AT_ONCE);
  const stopped = new AbortController();
  const options: IoOptions = { signal: stopped.signal };
  const lookedAtMs = new WeakMap<ImageRecord, number>();
  const running = new Set<Promise<void>>();

  async function isFresh(record: ImageRecord): Promise<boolean> {
    const usedMs = await store.usedMs?.(imageObject(record.key), options);
    return usedMs !== undefined && nowMs() - usedMs < LOOK_EVERY_MS;
  }

  async function touchAll(keys: readonly ObjectKey[]): Promise<void> {
    await Promise.all(keys.map((key) => limit(() => store.touch(key, options))));
  }

  /** False when a blob is gone: then the image is made again, and needs other things perhaps. */
  async function touchBlobs(blobs: readonly Digest[]): Promise<boolean> {
    const gone = await Promise.all(
      blobs.map((blob) => limit(async () => ((await store.touch(blobKey(blob), options)) === undefined ? [blob] : []))),
    );
    for (const blob of gone.flat()) await missing(blob);
    return gone.flat().length === 0;
  }

  async function renew(record: ImageRecord): Promise<void> {
    if (!(await touchBlobs([record.digest, ...record.blobs]))) return;
    // Of these, one that is gone is made again when an image needs it.
    await touchAll([...new Set(record.contents.map(({ digest }) => blobKey(digest)))]);
    await touchAll(record.contents.map(({ name }) => objectKey('contents', name)));
    await touchAll(record.joins.map((name) => objectKey('joins', name)));
    await touchAll(record.packages.map((name) => objectKey('packages', name)));
    await touchAll([imageObject(hexOf(record.digest))]);
    await touchAll([imageObject(record.key)]);
  }

  async function look(record: ImageRecord, isMade: boolean): Promise<void> {
    try {
      if (isMade || !(await isFresh(record))) await renew(record);
    } catch (error) {
      if (stopped.signal.aborted) return;
      // The next look comes in a day, long before anything expires.
      log.warn({ image: record.digest, err: error }, 'what an image needs could not all be renewed');
    }
  }

  function start(record: ImageRecord, isMade: boolean): void {
    lookedAtMs.set(record, elapsedMs());
    const work = look(record, isMade).finally(() => running.delete(work));
    running.add(work);
  }

  return {
    served(record) {
      const before = lookedAtMs.get(record);
      if (before === undefined || elapsedMs() - before >= LOOK_EVERY_MS) start(record, false);
    },
    made(record) {
      start(record, true);
    },
    async stop() {
      stopped.abort();
      await Promise.allSettled(running);
    },
  };
}
