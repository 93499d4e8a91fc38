import type { Logger } from 'pino';
import { type Digest, hexOf } from '../../oci/digest.ts';
import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import type { KnownBlobs } from '../../storage/known-blobs.ts';
import { imageOf, type ImageRecord } from '../image.ts';
import type { ImageRequest } from '../image-request.ts';
import type { ImageOrigin, ImageOutcome, PackagesDenied } from '../outcome.ts';
import type { PackagePolicy } from '../package-policy.ts';
import { imageCache } from './cache.ts';
import { renewal } from './expiry.ts';
import { imageJudge, type Judgement } from './judge.ts';
import { imageRecovery } from './recover.ts';

export type FoundImage = Extract<ImageOutcome, { kind: 'image' }>;

/** Images that were made before, here or elsewhere: in memory or in the store, and only those that may be had. */
export interface MadeImages {
  /**
   * An image by its key. A caller gets it to serve it, which keeps it from expiring.
   *
   * @returns undefined when there is none, or when it has to be made again to know whether it may be had
   */
  find(key: string, options?: IoOptions): Promise<FoundImage | PackagesDenied | undefined>;
  /** The same if it is in this process's memory, and nothing has to be asked. */
  peek(key: string): FoundImage | PackagesDenied | undefined;
  /** The same by the digest of a manifest. */
  findByDigest(digest: Digest, options?: IoOptions): Promise<FoundImage | PackagesDenied | undefined>;
  /** The record of an image by its key, for who does not serve it. */
  look(
    key: string,
    options?: IoOptions,
  ): Promise<{ readonly kind: 'made'; readonly record: ImageRecord } | PackagesDenied | undefined>;
  /** Takes the record of an image into memory, where there is one: what names a blob is forgotten from there. */
  remember(key: string, options?: IoOptions): Promise<void>;
  /** It was made just now. */
  add(record: ImageRecord): void;
  /** A blob is gone: all that is known to name it is forgotten, here and in the store. */
  forget(blob: Digest, options?: IoOptions): Promise<void>;
  /** Ends what goes on. */
  stop(): Promise<void>;
}

/** @param world `keyOf`: see `ImageMaker.keyOf`; `stopped`: forgets nothing by itself after its abort */
export function madeImages(world: {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  readonly policy: PackagePolicy | undefined;
  readonly log: Pick<Logger, 'warn'>;
  readonly keyOf: (request: ImageRequest, revision: string) => string;
  readonly stopped: AbortSignal;
}): MadeImages {
  const { store, known, log, stopped } = world;
  const cache = imageCache(store, log, { recover: imageRecovery(store, world.keyOf) });
  const judge = imageJudge(store, world.policy);
  const kept = renewal({ store, log, missing: (blob) => forget(blob, { signal: stopped }) });

  function expectBlobs(record: ImageRecord): void {
    const { digest: manifest, bytes, blobs } = imageOf(record);
    known.expect(manifest, bytes.length);
    for (const { digest, size } of blobs) known.expect(digest, size);
  }

  async function forget(blob: Digest, options?: IoOptions): Promise<void> {
    known.forget(blob);
    await cache.forgetNaming(blob, options);
  }

  /** What is to be had of an image that was found; undefined when it has to be made again to know. */
  function give(record: ImageRecord, from: ImageOrigin, options?: IoOptions) {
    kept.served(record);
    const judgement = judge(record, options);
    return judgement instanceof Promise ? judgement.then(conclude) : conclude(judgement);

    function conclude(judged: Judgement): FoundImage | PackagesDenied | undefined {
      if (judged.kind === 'unknown') return undefined;
      return judged.kind === 'denied' ? judged : { kind: 'image', image: imageOf(record), from };
    }
  }

  /** The record of an image, from where it is nearest. */
  async function findRecordOf(name: string, options?: IoOptions) {
    const inMemory = cache.peek(name);
    if (inMemory !== undefined) return { record: inMemory, from: 'memory' as const };
    const record = await cache.find(name, options);
    if (record === undefined) return undefined;
    expectBlobs(record);
    return { record, from: 'store' as const };
  }

  return {
    async find(key, options) {
      const found = await findRecordOf(key, options);
      return found && give(found.record, found.from, options);
    },
    peek(key) {
      const record = cache.peek(key);
      const given = record && give(record, 'memory');
      return given instanceof Promise ? undefined : given;
    },
    async findByDigest(digest, options) {
      const found = await findRecordOf(hexOf(digest), options);
      return found?.record.digest === digest ? give(found.record, found.from, options) : undefined;
    },
    async look(key, options) {
      const found = await findRecordOf(key, options);
      const judged = found && (await judge(found.record, options));
      if (judged?.kind === 'denied') return judged;
      // Of an image whose packages are not known any more, nobody knows whether it may be had.
      return found === undefined || judged?.kind === 'unknown' ? undefined : { kind: 'made', record: found.record };
    },
    async remember(key, options) {
      await findRecordOf(key, options);
    },
    add(record) {
      cache.add(record);
      expectBlobs(record);
      kept.made(record);
    },
    forget,
    stop: () => kept.stop(),
  };
}
