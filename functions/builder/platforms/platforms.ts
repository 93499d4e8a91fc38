import type { Logger } from 'pino';
import { waitFor } from '../../concurrency/wait-for.ts';
import type { Digest } from '../../oci/digest.ts';
import { architectureOf } from '../../oci/platform.ts';
import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import type { BuildOptions, ImageBuilder, NameUnavailable } from '../image-builder.ts';
import { type NameRequest, requestsOf } from '../image-request.ts';
import type { FoundImage } from '../images/images.ts';
import type { ImageOrigin, ImageOutcome, PackagesDenied } from '../outcome.ts';
import type { Pinned, PinOptions, Pins } from '../pins.ts';
import { type ImageIndexes, imageIndexes, type IndexEntry } from './indexes.ts';
import { isLack, knownLacks, type Made } from './lacks.ts';
import { oneBudget } from './one-budget.ts';

export { manifestsOf, platformsObject, type PlatformsRecord, platformsSchema } from './index-record.ts';

/** What names mean: the image of one platform, or an index of the images of several, all of one revision. */
export interface NamedImages extends Pick<ImageBuilder, 'stop'> {
  /** See `ImageBuilder.build`. Of an index all images are made side by side, and what one of them lacks the others do not. */
  build(name: NameRequest, reference: string, options?: BuildOptions): Promise<ImageOutcome>;
  /** The same if it is in this process's memory. */
  peek(name: NameRequest, reference: string): FoundImage | PackagesDenied | undefined;
  /** An image or an index that was made before; undefined when none has this digest. */
  findByDigest(digest: Digest, options?: IoOptions): Promise<FoundImage | PackagesDenied | undefined>;
  /** See `ImageBuilder.check`; undefined where any of the platforms has all packages. */
  check(name: NameRequest, options?: PinOptions): Promise<NameUnavailable | undefined>;
  /** See `ImageBuilder.reportMissing`. */
  reportMissing(
    digest: Digest,
    name: { readonly request: NameRequest; readonly references: readonly string[] },
    options?: IoOptions,
  ): Promise<void>;
}

type Pin = Extract<Pinned, { kind: 'pinned' }>;

/** The worst of several origins is that of the whole. */
const ORIGINS: readonly ImageOrigin[] = ['memory', 'store', 'composed', 'built'];

export function platformImages(world: {
  readonly images: ImageBuilder;
  readonly pins: Pins;
  readonly store: BlobStore;
  readonly log: Pick<Logger, 'warn'>;
  readonly indexes?: ImageIndexes | undefined;
}): NamedImages {
  const { images, pins, store, log, indexes = imageIndexes({ store, log }) } = world;
  const lacks = knownLacks(log);

  async function conclude(made: readonly Made[], options: IoOptions): Promise<ImageOutcome> {
    const whole = made.find(({ outcome }) => outcome.kind !== 'image' && !isLack(outcome));
    if (whole !== undefined) return whole.outcome;
    const there: (IndexEntry & { found: FoundImage })[] = [];
    const missing: Made[] = [];
    for (const one of made) {
      if (one.outcome.kind === 'image') {
        there.push({ system: one.request.system, image: one.outcome.image, found: one.outcome });
      } else missing.push(one);
    }
    const [first, ...others] = there;
    if (first === undefined) {
      // What is to be had for no platform: the first says why.
      const [why] = missing;
      if (why === undefined) throw new RangeError('a name without a platform');
      return why.outcome;
    }
    const without = missing.length === 0 ? {} : { without: lacks.say(missing, first.image.revision) };
    if (others.length === 0) return { ...first.found, ...without };
    const image = await indexes.of(there, options);
    return {
      ...together(
        there.map(({ found }) => found),
        image,
      ),
      ...without,
    };
  }

  async function buildEach(
    name: NameRequest,
    { reference, pin }: { readonly reference: string; readonly pin: Pin },
    options: BuildOptions,
  ): Promise<ImageOutcome> {
    const budget = oneBudget(options.budget);
    const made = await Promise.all(
      requestsOf(name).map(async (request) => {
        const lack = lacks.get(request, pin.revision);
        if (lack !== undefined) return { request, outcome: lack };
        const { asker } = options;
        const own = asker && { ...asker, repository: `${architectureOf(request.system)}/${asker.repository}` };
        const outcome = await images.build(request, reference, { ...options, budget, pin, asker: own });
        if (isLack(outcome)) lacks.keep(request, pin.revision, outcome);
        return { request, outcome };
      }),
    );
    return conclude(made, { signal: options.signal });
  }

  return {
    peek(name, reference) {
      const [only, ...others] = requestsOf(name);
      if (others.length === 0) return images.peek(only, reference);
      const pin = pins.peek(reference);
      if (pin?.kind !== 'pinned') return undefined;
      const entries: (IndexEntry & { found: FoundImage })[] = [];
      const missing: Made[] = [];
      for (const request of [only, ...others]) {
        const found = images.peek(request, reference, pin);
        if (found?.kind === 'denied') return found;
        if (found !== undefined) entries.push({ system: request.system, image: found.image, found });
        else {
          const outcome = lacks.get(request, pin.revision);
          if (outcome === undefined) return undefined;
          missing.push({ request, outcome });
        }
      }
      const [first, ...rest] = entries;
      if (first === undefined) return undefined;
      const without = missing.length === 0 ? undefined : { without: lacks.say(missing, pin.revision) };
      if (rest.length === 0) return { ...first.found, ...without };
      const image = indexes.peek(entries);
      return (
        image && {
          ...together(
            entries.map(({ found }) => found),
            image,
          ),
          ...without,
        }
      );
    },

    async build(name, reference, options = {}) {
      const [only, ...others] = requestsOf(name);
      if (others.length === 0) return images.build(only, reference, options);
      const { signal, holdMs, lookUps } = options;
      const beganMs = performance.now();
      const pin = await waitFor(pins.pin(reference, { lookUps }), { signal, holdMs, atAbort: 'reject' });
      if (pin === undefined) return { kind: 'in-progress' };
      if (pin.kind === 'unknown') return { kind: 'reference-unknown', message: pin.message };
      if (pin.kind === 'busy') return pin;
      const left = holdMs === undefined ? undefined : Math.max(0, holdMs - (performance.now() - beganMs));
      return buildEach(name, { reference, pin }, { ...options, holdMs: left });
    },

    async findByDigest(digest, options) {
      const remembered = indexes.peekByDigest(digest);
      const found = remembered === undefined ? await images.findByDigest(digest, options) : undefined;
      if (found !== undefined) return found;
      const index = remembered ?? (await indexes.find(digest, options));
      if (index === undefined) return undefined;
      const entries: FoundImage[] = [];
      for (const manifest of index.manifests) {
        const entry = await images.findByDigest(manifest, options);
        if (entry?.kind !== 'image') return entry;
        entries.push(entry);
      }
      return together(entries, index.image);
    },

    async check(name, options) {
      let why: NameUnavailable | undefined;
      for (const request of requestsOf(name)) {
        const found = await images.check(request, options);
        if (found?.kind !== 'packages-unavailable') return found;
        why ??= found;
      }
      return why;
    },

    async reportMissing(digest, { request, references }, options) {
      for (const one of requestsOf(request)) {
        await images.reportMissing(digest, { request: one, references }, options);
      }
    },

    async stop() {
      await Promise.all([images.stop(), indexes.stop()]);
    },
  };
}

/** An index as it is given: what is said of one of its images is said of all. */
function together(found: readonly FoundImage[], image: FoundImage['image']): FoundImage {
  const from = ORIGINS[Math.max(...found.map((one) => ORIGINS.indexOf(one.from)))] ?? 'memory';
  const stale = found.find((one) => one.stale !== undefined)?.stale;
  return { kind: 'image', image, from, ...(stale !== undefined && { stale }) };
}
