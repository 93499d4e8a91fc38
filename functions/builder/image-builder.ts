import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { sharedWork } from '../layer/shared-work.ts';
import { BuildFailedError } from '../nix/realise.ts';
import { nixMessage } from '../nix/nix.ts';
import { ProcessError } from '../nix/process.ts';
import type { PackageSource } from '../nix/source.ts';
import { type Digest, hexOf } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import { findRecord } from '../storage/record.ts';
import { type Image, imageObject, imageOf, type ImageRecord, imageRecordSchema } from './image.ts';
import type { ImageMaker, ImageOrder } from './image-maker.ts';
import type { ImageRequest } from './image-request.ts';
import type { ImageOutcome, ImageUnavailable } from './outcome.ts';

/** Images from names: found where they are, made where they are not. */
export interface ImageBuilder {
  /** The image that a request means at a reference. The build goes on when its callers leave. */
  build(request: ImageRequest, reference: string, options?: IoOptions): Promise<ImageOutcome>;
  /** An image that was made before; undefined when no image has this digest. */
  findByDigest(digest: Digest, options?: IoOptions): Promise<Image | undefined>;
  /** A client asked for a blob that is not there: images that name it are forgotten, so that the next pull mends them. */
  reportMissing(digest: Digest, options?: IoOptions): Promise<void>;
}

/** Bytes of manifests that are kept in memory; one is about 20 kB. */
const MAX_MANIFEST_BYTES = 32 * 1024 * 1024;

export function imageBuilder(world: {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  readonly source: PackageSource;
  readonly maker: ImageMaker;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Milliseconds for one build, evaluation included. */
  readonly timeoutMs: number;
  /** How many images are made at once. */
  readonly concurrency: number;
}): ImageBuilder {
  const { store, known, source, maker, log, timeoutMs, concurrency } = world;
  const remembered = new LRUCache<string, ImageRecord>({
    maxSize: MAX_MANIFEST_BYTES,
    sizeCalculation: (record) => record.manifest.length,
  });
  const limit = pLimit(concurrency);
  const pins = sharedWork<Awaited<ReturnType<PackageSource['pin']>>>();
  const builds = sharedWork<ImageOutcome>();

  function remember(record: ImageRecord): void {
    remembered.set(record.key, record);
    remembered.set(hexOf(record.digest), record);
  }

  /** @param name the image's key, or the digits of its digest */
  async function find(name: string, options: IoOptions): Promise<ImageRecord | undefined> {
    const inMemory = remembered.get(name);
    if (inMemory !== undefined) return inMemory;
    const found = await findRecord(store, imageObject(name), imageRecordSchema, options);
    if (found.kind === 'broken')
      log.warn({ object: `images/${name}`, reason: found.reason }, 'a broken record is ignored');
    if (found.kind !== 'found') return undefined;
    remember(found.value);
    return found.value;
  }

  async function make(order: ImageOrder): Promise<ImageOutcome> {
    const packages = order.request.attributes;
    const { revision } = order;
    const startedMs = performance.now();
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const made = await maker.make(order, { signal });
      if (made.kind !== 'made') return made;
      remember(made.record);
      const durationMs = Math.round(performance.now() - startedMs);
      log.info({ packages, revision, ...made.statistics, durationMs }, 'image made');
      return { kind: 'image', image: imageOf(made.record) };
    } catch (error) {
      const failure = explain(error, signal, timeoutMs);
      if (failure === undefined) throw error;
      log.warn({ packages, revision, kind: failure.kind, reason: failure.message }, 'no image');
      return failure;
    }
  }

  return {
    async build(request, reference, options = {}) {
      // The look-up is shared, so it does not end with one of its callers.
      const pin = await pins(reference, (signal) => source.pin(reference, { signal }), options);
      if (pin.kind === 'unknown') return { kind: 'reference-unknown', message: pin.message };
      const order = { request, source, revision: pin.revision };
      const key = maker.keyOf(order);
      const found = await find(key, options);
      if (found !== undefined) return { kind: 'image', image: imageOf(found) };
      // Without the caller's signal: what was begun is finished, for whoever asks next.
      return builds(key, () => limit(() => make(order)));
    },

    async findByDigest(digest, options = {}) {
      const record = await find(hexOf(digest), options);
      return record?.digest === digest ? imageOf(record) : undefined;
    },

    async reportMissing(digest, options = {}) {
      known.forget(digest);
      for (const record of new Set(remembered.values())) {
        if (!record.blobs.includes(digest)) continue;
        log.warn(
          { digest, image: record.digest },
          'a blob of an image is gone; the image is made again at its next pull',
        );
        remembered.delete(record.key);
        remembered.delete(hexOf(record.digest));
        await store.delete(imageObject(record.key), options);
        await store.delete(imageObject(hexOf(record.digest)), options);
      }
    },
  };
}

/** What went wrong, when it is the image's own fault; undefined for a fault of this program or its machine. */
function explain(
  error: unknown,
  signal: AbortSignal,
  timeoutMs: number,
): Extract<ImageUnavailable, { message: string }> | undefined {
  if (error instanceof BuildFailedError) {
    return { kind: 'build-failed', message: nixMessage(error.logTail), logTail: error.logTail };
  }
  const stopped = error === signal.reason || (error instanceof ProcessError && error.failure === 'aborted');
  if (signal.aborted && stopped) {
    return { kind: 'out-of-time', message: `the image was not ready within ${timeoutMs / 1000} s (NIX_TIMEOUT)` };
  }
  return undefined;
}
