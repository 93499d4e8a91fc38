import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { StoreRoom } from '../nix/build-room.ts';
import { LATEST, type PackageSource } from '../nix/source.ts';
import type { Digest } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import type { Leases } from '../storage/leases.ts';
import { sharedWork } from '../concurrency/shared-work.ts';
import { waitFor } from '../concurrency/wait-for.ts';
import { type AskedBy, imageAttempts } from './attempts/attempts.ts';
import type { Builds } from './builds/builds.ts';
import { failures } from './failures.ts';
import type { ImageRecord } from './image.ts';
import type { ImageRequest } from './image-request.ts';
import { type FoundImage, madeImages } from './images/images.ts';
import type { ImageMaker } from './make/make.ts';
import type { ImageOutcome, ImageUnavailable, PackagesDenied, PackagesUnavailable } from './outcome.ts';
import type { PackagePolicy } from './package-policy.ts';
import { type LookUpBudget, type Pinned, type PinOptions, pins, type Pins } from './pins.ts';
import { tooManyUnknown } from './try-later.ts';

/** Images from names: found where they are, made where they are not, once, whoever asks for them and wherever. */
export interface ImageBuilder {
  /** The image that a request means at a reference. A build goes on when its callers leave. */
  build(request: ImageRequest, reference: string, options?: BuildOptions): Promise<ImageOutcome>;
  /** The same if it is in this process's memory. */
  peek(request: ImageRequest, reference: string, pin?: Pinned): FoundImage | PackagesDenied | undefined;
  /** What is known of the image that a request means at a reference. Nothing is built. */
  look(request: ImageRequest, reference: string, options?: PinOptions): Promise<LookedUpImage>;
  /**
   * Why a request's packages are not to be had at `latest`; undefined where they are, as far as it is known without building.
   * Nix is asked where nothing is known, which counts as a look-up.
   */
  check(request: ImageRequest, options?: PinOptions): Promise<NameUnavailable | undefined>;
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

export interface BuildOptions extends IoOptions, AskedBy {
  /** How long to wait for a build, in milliseconds; afterwards the outcome is `in-progress`. Until its end when absent. */
  readonly holdMs?: number | undefined;
  /** Asked before a reference is looked up that nobody pulled before. Without limit when absent. */
  readonly lookUps?: LookUpBudget | undefined;
  /** What the reference means, where that was looked up already. */
  readonly pin?: Pinned | undefined;
}

/** An image that was looked for. */
export type LookedUpImage =
  | { readonly kind: 'made'; readonly record: ImageRecord }
  /** `build`: where a build of it can be watched, if there is one. */
  | { readonly kind: 'not-made'; readonly revision: string; readonly build: string }
  | PackagesDenied
  | Extract<ImageUnavailable, { kind: 'reference-unknown' | 'busy' }>;

/** Why nothing is to be had under a name. */
export type NameUnavailable =
  PackagesUnavailable | PackagesDenied | Extract<ImageUnavailable, { kind: 'reference-unknown' | 'busy' }>;

/** Names that Nix is asked about at once without an image to be made. */
const MAX_CHECKS = 2;
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
  /** Of a Nix store that is small. */
  readonly room?: StoreRoom | undefined;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly limits: BuildLimits;
  readonly leases: Leases;
  /** Where builds can be watched; nowhere when absent. */
  readonly builds?: Builds | undefined;
  /** What may be had. */
  readonly policy?: PackagePolicy | undefined;
}): ImageBuilder {
  const { store, known, source, maker, log, limits } = world;
  const stopped = new AbortController();
  const references = world.pins ?? pins({ store, source, log, pinForMs: limits.pinForMs });
  const failed = failures(store, log);
  const images = madeImages({
    ...{ store, known, log, policy: world.policy, stopped: stopped.signal },
    keyOf: (request, revision) => maker.keyOf({ request, source, revision }),
  });
  const attempts = imageAttempts({
    ...{ maker, failed, log, limits, room: world.room, leases: world.leases, builds: world.builds },
    async look(key) {
      const options = { signal: stopped.signal };
      return (await images.find(key, options)) ?? failed.find(key, options);
    },
    made: (record) => {
      images.add(record);
    },
    stopped: stopped.signal,
  });

  const checking = sharedWork<NameUnavailable | undefined>();
  const oneOfFew = pLimit(MAX_CHECKS);

  /** @param begun gets the key as soon as it is known */
  async function findOrMake(
    request: ImageRequest,
    reference: string,
    options: BuildOptions,
    begun: { key?: string },
  ): Promise<ImageOutcome> {
    const pin = options.pin ?? (await references.pin(reference, { lookUps: options.lookUps, signal: stopped.signal }));
    if (pin.kind === 'unknown') return { kind: 'reference-unknown' as const, message: pin.message };
    if (pin.kind === 'busy') return pin;
    const order = { request, source, revision: pin.revision };
    const key = maker.keyOf(order);
    begun.key = key;
    const outcome = (await images.find(key)) ?? (await attempts.join(order, key, options));
    // What is refused has no build to be looked at.
    if (outcome.kind === 'denied' || outcome.kind === 'busy') return outcome;
    if (outcome.kind !== 'image') return { ...outcome, build: key };
    return pin.stale === undefined ? outcome : { ...outcome, stale: pin.stale };
  }

  return {
    peek(request, reference, pin = references.peek(reference)) {
      if (pin?.kind !== 'pinned') return undefined;
      const given = images.peek(maker.keyOf({ request, source, revision: pin.revision }));
      if (given === undefined) return undefined;
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
      return (await images.look(key, options)) ?? { kind: 'not-made', revision: pin.revision, build: key };
    },

    async check(request, options = {}) {
      const pin = await references.pin(LATEST, options);
      if (pin.kind === 'unknown') return { kind: 'reference-unknown', message: pin.message };
      if (pin.kind === 'busy') return pin;
      const order = { request, source, revision: pin.revision };
      const key = maker.keyOf(order);
      const made = await images.look(key, options);
      if (made !== undefined) return made.kind === 'denied' ? made : undefined;
      const left = options.lookUps?.take();
      if (left?.kind === 'spent') return tooManyUnknown(left.retryAfterSeconds);
      const why = await checking(
        key,
        (signal) => {
          const ends = [signal, stopped.signal, AbortSignal.timeout(limits.timeoutMs)];
          return oneOfFew(() => maker.check(order, { signal: AbortSignal.any(ends) }));
        },
        options,
      );
      if (why === undefined) options.lookUps?.giveBack();
      return why;
    },

    findByDigest: (digest, options) => images.findByDigest(digest, options),

    async reportMissing(digest, { request, references: named }, options = {}) {
      // Another instance may have made the image: what its name means is looked up, so that its record is known here.
      for (const reference of named.slice(-MAX_RECALLED)) {
        const pin = references.peek(reference) ?? (await references.pin(reference, options));
        if (pin.kind === 'pinned')
          await images.remember(maker.keyOf({ request, source, revision: pin.revision }), options);
      }
      await images.forget(digest, options);
    },

    async stop() {
      stopped.abort();
      await Promise.all([attempts.ended(), images.stop()]);
      await Promise.all([attempts.returned(), world.builds?.stop()]);
    },
  };
}
