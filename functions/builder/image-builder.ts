import type { Logger } from 'pino';
import type { PackageSource } from '../nix/source.ts';
import { type Digest, hexOf } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import type { Leases } from '../storage/leases.ts';
import { imageAttempts } from './attempts/attempt.ts';
import type { Asker } from './build-record.ts';
import type { Builds } from './builds/builds.ts';
import { type BuildBudget, buildQueue, type InTurn, type SpentBudget } from './attempts/queue.ts';
import { failures } from './failures.ts';
import { imageOf, type ImageRecord } from './image.ts';
import { imageCache } from './images/cache.ts';
import type { ImageMaker, ImageOrder } from './make/make.ts';
import { type ImageRequest, nameOf } from './image-request.ts';
import { imageJudge, type Judgement } from './images/judge.ts';
import { leasedBuilds } from './attempts/one-instance.ts';
import type { ImageOrigin, ImageOutcome, ImageUnavailable, PackagesDenied } from './outcome.ts';
import type { PackagePolicy } from './package-policy.ts';
import { type LookUpBudget, type PinOptions, pins, type Pins } from './pins.ts';
import { imageRecovery } from './images/recover.ts';
import { renewal } from './images/expiry.ts';
import { spent } from './attempts/try-later.ts';
import { waitFor } from '../work/wait-for.ts';

/** Images from names: found where they are, made where they are not, once, whoever asks for them and wherever. */
export interface ImageBuilder {
  /** The image that a request means at a reference. A build goes on when its callers leave. */
  build(request: ImageRequest, reference: string, options?: BuildOptions): Promise<ImageOutcome>;
  /** The same if it is in this process's memory. */
  peek(request: ImageRequest, reference: string): FoundImage | PackagesDenied | undefined;
  /** What is known of the image that a request means at a reference. Nothing is built. */
  look(request: ImageRequest, reference: string, options?: PinOptions): Promise<LookedUpImage>;
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
  /** Asked before a reference is looked up that nobody pulled before. Without limit when absent. */
  readonly lookUps?: LookUpBudget | undefined;
  /** For whom a build is begun, to be told to who watches it. */
  readonly asker?: Asker | undefined;
}

/** An image that was looked for. */
export type LookedUpImage =
  | { readonly kind: 'made'; readonly record: ImageRecord }
  /** `build`: where a build of it can be watched, if there is one. */
  | { readonly kind: 'not-made'; readonly revision: string; readonly build: string }
  | PackagesDenied
  | Extract<ImageUnavailable, { kind: 'reference-unknown' | 'busy' }>;

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
  /** What references mean; looked up for this builder alone when absent. */
  readonly pins?: Pins | undefined;
  readonly maker: ImageMaker;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly limits: BuildLimits;
  readonly leases: Leases;
  /** Where builds can be watched; nowhere when absent. */
  readonly builds?: Builds | undefined;
  /** What may be had. */
  readonly policy?: PackagePolicy | undefined;
}): ImageBuilder {
  const { store, known, source, maker, log, limits } = world;
  const { timeoutMs, pinForMs } = limits;
  const stopped = new AbortController();
  const references = world.pins ?? pins({ store, source, log, pinForMs });
  const recover = imageRecovery(store, (request, revision) => maker.keyOf({ request, source, revision }));
  const cache = imageCache(store, log, { recover });
  const judge = imageJudge(store, world.policy);
  const failed = failures(store, log);
  const kept = renewal({ store, log, missing: (blob) => forget(blob, { signal: stopped.signal }) });
  const queue = buildQueue({ ...limits, closed: stopped.signal });
  const shared = leasedBuilds({ leases: world.leases, signal: stopped.signal });
  const made = (record: ImageRecord): void => {
    cache.add(record);
    expectBlobs(record);
    kept.made(record);
  };
  const attempt = imageAttempts({ maker, failed, made, log, timeoutMs, stopped: stopped.signal });

  function expectBlobs(record: ImageRecord): void {
    for (const { digest, size } of imageOf(record).blobs) known.expect(digest, size);
  }

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
    if (record === undefined) return undefined;
    expectBlobs(record);
    return { record, from: 'store' as const };
  }

  /** What became of an image, here or at another instance. */
  async function lookAround(key: string): Promise<ImageOutcome | undefined> {
    const options = { signal: stopped.signal };
    const found = await findRecordOf(key, options);
    return (found && (await give(found.record, found.from, options))) ?? failed.find(key, options);
  }

  /** Makes an image, or waits for the instance that does, and tells who watches. */
  async function share(
    order: ImageOrder,
    key: string,
    { inTurn, by, budget }: { inTurn: InTurn; by: Asker | undefined; budget: BuildBudget | undefined },
  ): Promise<ImageOutcome | SpentBudget> {
    const { request, revision } = order;
    const watched = world.builds?.begin(key, by ?? { repository: nameOf(request), reference: revision }, revision);
    async function makeInTurn(): Promise<ImageOutcome | SpentBudget> {
      // Only here it is certain that nobody has made it, or makes it, and that it did not fail lately.
      const left = budget?.take();
      if (left?.kind === 'spent') return left;
      watched?.claim();
      return inTurn(async () => {
        watched?.run();
        const outcome = await attempt(order, key, watched);
        if (!isBuild(outcome)) budget?.giveBack();
        watched?.end(outcome);
        return outcome;
      });
    }
    try {
      // The lease before the place in the queue: who waits for another instance is not stuck behind builds of this one.
      const outcome = await shared.run({ key, look: () => lookAround(key), make: makeInTurn });
      watched?.leave(outcome.kind === 'spent' ? spent(outcome.retryAfterSeconds) : outcome);
      return outcome;
    } catch (error) {
      // Whoever began it may have left, and nobody else would say it.
      if (!stopped.signal.aborted) log.warn({ key, err: error }, "a build ended with a fault that is not the image's");
      throw error;
    } finally {
      // Only what ended with an error has not been told.
      watched?.end(undefined);
    }
  }

  function join(order: ImageOrder, key: string, { budget, asker }: BuildOptions): Promise<ImageOutcome> {
    return queue.join(key, budget, (inTurn, own) => share(order, key, { inTurn, by: asker, budget: own }));
  }

  /** @param begun gets the key as soon as it is known */
  async function findOrMake(
    request: ImageRequest,
    reference: string,
    options: BuildOptions,
    begun: { key?: string },
  ): Promise<ImageOutcome> {
    const pin = await references.pin(reference, { lookUps: options.lookUps, signal: stopped.signal });
    if (pin.kind === 'unknown') return { kind: 'reference-unknown' as const, message: pin.message };
    if (pin.kind === 'busy') return pin;
    const order = { request, source, revision: pin.revision };
    const key = maker.keyOf(order);
    begun.key = key;
    const found = await findRecordOf(key);
    const outcome = (found && (await give(found.record, found.from))) ?? (await join(order, key, options));
    // What is refused has no build to be looked at.
    if (outcome.kind === 'denied' || outcome.kind === 'busy') return outcome;
    if (outcome.kind !== 'image') return { ...outcome, build: key };
    return pin.stale === undefined ? outcome : { ...outcome, stale: pin.stale };
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

    async build(request, reference, options = {}) {
      const { signal, holdMs } = options;
      const begun: { key?: string } = {};
      // Without the caller's signal: what was begun is finished, for whoever asks next.
      const making = findOrMake(request, reference, options, begun).catch((error: unknown) => {
        // Another instance goes on.
        if (stopped.signal.aborted) return { kind: 'in-progress' as const };
        throw error;
      });
      const outcome = await waitFor(making, { signal, holdMs, atAbort: 'reject' });
      return outcome ?? { kind: 'in-progress', ...(begun.key !== undefined && { build: begun.key }) };
    },

    async look(request, reference, options = {}) {
      const pin = await references.pin(reference, options);
      if (pin.kind === 'unknown') return { kind: 'reference-unknown', message: pin.message };
      if (pin.kind === 'busy') return pin;
      const key = maker.keyOf({ request, source, revision: pin.revision });
      const found = await findRecordOf(key, options);
      const judged = found && (await judge(found.record, options));
      if (judged?.kind === 'denied') return judged;
      // Of an image whose packages are not known any more, nobody knows whether it may be had.
      return found === undefined || judged?.kind === 'unknown'
        ? { kind: 'not-made', revision: pin.revision, build: key }
        : { kind: 'made', record: found.record };
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
      await Promise.all([shared.returned(), world.builds?.stop()]);
    },
  };
}

/** What turned out to be refused, unknown or without room was not built. */
function isBuild({ kind }: ImageOutcome): boolean {
  return kind === 'image' || kind === 'build-failed' || kind === 'out-of-time';
}
