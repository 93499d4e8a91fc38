import type { Logger } from 'pino';
import type { PackageSource } from '../nix/source.ts';
import { type Digest, hexOf } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import type { Leases } from '../storage/leases.ts';
import { type BuildBudget, buildQueue } from './build-queue.ts';
import { explainFailure } from './explain-failure.ts';
import { failures } from './failures.ts';
import { imageOf, type ImageRecord } from './image.ts';
import { imageCache } from './image-cache.ts';
import type { ImageMaker, ImageOrder } from './image-maker.ts';
import type { ImageRequest } from './image-request.ts';
import { imageJudge, type Judgement } from './judge-image.ts';
import { leasedBuilds } from './leased-build.ts';
import type { ImageOrigin, ImageOutcome, ImageUnavailable, PackagesDenied } from './outcome.ts';
import type { PackagePolicy } from './package-policy.ts';
import { pins } from './pins.ts';
import { renewal } from './renewal.ts';
import { waitFor } from './wait-for.ts';

/** Images from names: found where they are, made where they are not, once, whoever asks for them and wherever. */
export interface ImageBuilder {
  /** The image that a request means at a reference. A build goes on when its callers leave. */
  build(request: ImageRequest, reference: string, options?: BuildOptions): Promise<ImageOutcome>;
  /** The same if it is in this process's memory. */
  peek(request: ImageRequest, reference: string): FoundImage | PackagesDenied | undefined;
  /** An image that was made before; undefined when no image has this digest. */
  findByDigest(digest: Digest, options?: IoOptions): Promise<FoundImage | PackagesDenied | undefined>;
  /**
   * A client asked for a blob that is not there: images that name it are forgotten, so that the next pull mends them.
   *
   * @param name of the image that the client meant, at the references that it was pulled by
   */
  reportMissing(
    digest: Digest,
    name: { readonly request: ImageRequest; readonly references: readonly string[] },
    options?: IoOptions,
  ): Promise<void>;
  /** Starts no build any more, ends those that run, and gives their leases back. Who waits is told `in-progress`. */
  stop(): Promise<void>;
}

export interface BuildOptions extends IoOptions {
  /** How long to wait for a build, in milliseconds; afterwards the outcome is `in-progress`. Until its end when absent. */
  readonly holdMs?: number | undefined;
  /** Asked before a build is begun; a build that runs already costs nothing. Without limit when absent. */
  readonly budget?: BuildBudget | undefined;
}

export type FoundImage = Extract<ImageOutcome, { kind: 'image' }>;

/** References of a name that are looked up when a blob is missing; each may cost two reads. */
const MAX_RECALLED = 10;

export interface BuildLimits {
  /** Milliseconds for one build, evaluation included. */
  readonly timeoutMs: number;
  /** Images that are made at once. */
  readonly maxBuilds: number;
  /** Images that wait to be made. */
  readonly maxQueue: number;
  /** How long a reference's revision is believed, in milliseconds. */
  readonly pinForMs: number;
}

export function imageBuilder(world: {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  readonly source: PackageSource;
  readonly maker: ImageMaker;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly limits: BuildLimits;
  readonly leases: Leases;
  /** What may be had. */
  readonly policy?: PackagePolicy | undefined;
}): ImageBuilder {
  const { store, known, source, maker, log, limits } = world;
  const { timeoutMs, pinForMs } = limits;
  const stopped = new AbortController();
  const references = pins({ store, source, log, pinForMs });
  const cache = imageCache(store, log);
  const judge = imageJudge(store, world.policy);
  const failed = failures(store, log);
  const kept = renewal({ store, log, missing: (blob) => forget(blob, { signal: stopped.signal }) });
  const queue = buildQueue({ ...limits, closed: stopped.signal });
  const shared = leasedBuilds({ leases: world.leases, log, signal: stopped.signal });

  async function forget(blob: Digest, options: IoOptions): Promise<void> {
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
    return record && { record, from: 'store' as const };
  }

  /** Makes an image, or says why it cannot be made; throws for faults of this program and its machine. */
  async function make(order: ImageOrder, key: string): Promise<ImageOutcome> {
    const about = { packages: order.request.attributes, revision: order.revision };
    const startedMs = performance.now();
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([deadline, stopped.signal]);
    let failure: ImageUnavailable;
    try {
      const made = await maker.make(order, { signal });
      if (made.kind === 'made') {
        cache.add(made.record);
        kept.made(made.record);
        const durationMs = Math.round(performance.now() - startedMs);
        log.info({ ...about, ...made.statistics, durationMs }, 'image made');
        return {
          kind: 'image',
          image: imageOf(made.record),
          from: made.statistics.evaluated > 0 ? 'built' : 'composed',
        };
      }
      failure = made;
    } catch (error) {
      const explained = explainFailure(error, deadline, timeoutMs);
      if (explained === undefined) throw error;
      failure = explained;
    }
    log.warn({ ...about, failure }, 'no image');
    // Both may be over with the next request.
    if (failure.kind !== 'denied' && failure.kind !== 'busy')
      await failed.add(key, failure, { signal: stopped.signal });
    return failure;
  }

  /** What became of an image, here or at another instance. */
  async function lookAround(key: string): Promise<ImageOutcome | undefined> {
    const options = { signal: stopped.signal };
    const found = await findRecordOf(key, options);
    return (found && (await give(found.record, found.from, options))) ?? failed.find(key, options);
  }

  function join(order: ImageOrder, key: string, budget: BuildBudget | undefined): Promise<ImageOutcome> {
    return queue.join(key, budget, (inTurn) =>
      // The lease before the place in the queue: who waits for another instance is not stuck behind builds of this one.
      shared.run({ key, look: () => lookAround(key), make: () => inTurn(() => make(order, key)) }),
    );
  }

  async function findOrMake(request: ImageRequest, reference: string, budget: BuildBudget | undefined) {
    const pin = await references.pin(reference);
    if (pin.kind === 'unknown') return { kind: 'reference-unknown' as const, message: pin.message };
    const order = { request, source, revision: pin.revision };
    const key = maker.keyOf(order);
    const found = await findRecordOf(key);
    const outcome: ImageOutcome = (found && (await give(found.record, found.from))) ?? (await join(order, key, budget));
    return outcome.kind === 'image' && pin.stale !== undefined ? { ...outcome, stale: pin.stale } : outcome;
  }

  return {
    peek(request, reference) {
      const pin = references.peek(reference);
      if (pin?.kind !== 'pinned') return undefined;
      const record = cache.peek(maker.keyOf({ request, source, revision: pin.revision }));
      const given = record && give(record, 'memory');
      // What has to be looked up takes the other way.
      if (given === undefined || given instanceof Promise) return undefined;
      return pin.stale === undefined || given.kind === 'denied' ? given : { ...given, stale: pin.stale };
    },

    async build(request, reference, { signal, holdMs, budget } = {}) {
      // Without the caller's signal: what was begun is finished, for whoever asks next.
      const outcome = await waitFor(findOrMake(request, reference, budget), { signal, holdMs, atAbort: 'reject' });
      return outcome ?? { kind: 'in-progress' };
    },

    async findByDigest(digest, options = {}) {
      const found = await findRecordOf(hexOf(digest), options);
      return found?.record.digest === digest ? give(found.record, found.from, options) : undefined;
    },

    async reportMissing(digest, { request, references: named }, options = {}) {
      // Another instance may have made the image: what its name means is looked up, so that its record is known here.
      for (const reference of named.slice(-MAX_RECALLED)) {
        const pin = references.peek(reference) ?? (await references.pin(reference, options));
        if (pin.kind === 'pinned')
          await findRecordOf(maker.keyOf({ request, source, revision: pin.revision }), options);
      }
      await forget(digest, options);
    },

    async stop() {
      stopped.abort();
      await Promise.allSettled([queue.ended(), kept.stop()]);
      await shared.returned();
    },
  };
}
