import { type NameRequest, parseImageName, type Systems } from '../builder/image-request.ts';
import type { BuildOptions } from '../builder/image-builder.ts';
import type { NamedImages } from '../builder/platforms/platforms.ts';
import type { Image } from '../builder/image.ts';
import { missingPackages } from '../builder/outcome.ts';
import type { PinOptions } from '../builder/pins.ts';
import type { KnownReferences } from '../builder/revisions/revisions.ts';
import { COMMIT } from '../nix/source.ts';
import { MediaType } from '../oci/media-type.ts';
import { DEFAULT_SYSTEM } from '../oci/platform.ts';
import { type Digest, parseDigest } from '../oci/digest.ts';
import { parseReference, parseRepositoryName, parseTag, type RepositoryName, type Tag } from '../oci/reference.ts';
import { type BlobStore, type IoOptions, StorageError } from '../storage/blob-store.ts';
import { blobKey, type KnownBlobs } from '../storage/known-blobs.ts';
import type { UrlSigner } from '../storage/url-signer.ts';
import type { BlobOutcome, ManifestOutcome, ReferrersOutcome, TagsOutcome } from './outcome.ts';
import { invalidDigest, invalidName, invalidReference } from './invalid.ts';
import { pageOf } from './page-of.ts';
import { sentBlobs } from './sent-blobs.ts';
import type { PulledTags } from './tags.ts';

/** The use cases of a pull registry (distribution-spec 1.1), in strings as they came and outcomes as they are. */
export interface Registry {
  /**
   * The manifest of a tag, built while the caller waits when it has to be, or of a digest. What is known is given at once:
   * under functions-framework, which watches every promise, a dozen of them would take as long as all the rest.
   */
  resolveManifest(
    repository: string,
    reference: string,
    options?: PullOptions,
  ): ManifestOutcome | Promise<ManifestOutcome>;
  /** Where the store has addresses of its own, what is known is given at once, as above. */
  findBlob(repository: string, digest: string, options?: IoOptions): BlobOutcome | Promise<BlobOutcome>;
  /**
   * What can be pulled of a name: tags of the package source, whether or not anybody did.
   *
   * @param page `n`: at most so many, all when absent; `last`: only those behind it, whether or not it exists
   */
  listTags(repository: string, page: { n?: number; last?: string }, options?: PinOptions): Promise<TagsOutcome>;
  listReferrers(repository: string, digest: string): ReferrersOutcome;
}

export interface PullOptions extends BuildOptions {
  /** Whether who asks takes an image index: else a tag means the image of one platform. True when absent. */
  readonly takesIndex?: boolean | undefined;
}

/** Where cosign and others look for signatures, attestations and SBOMs of a digest: never an image of ours. */
const SIGNATURE_TAG = /^sha256-[a-f0-9]{64}(?:\.[a-z]+)?$/;

const NO_REFERRERS = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.index, manifests: [] }));

export function registry(world: {
  readonly store: BlobStore;
  readonly images: NamedImages;
  /** The platforms of a name that chooses none; see `parseImageName`. */
  readonly systems?: Systems | undefined;
  readonly tags: PulledTags;
  readonly references: KnownReferences;
  readonly known: KnownBlobs;
  /** Where the store's own addresses come from, when it has some. */
  readonly signer?: UrlSigner | undefined;
}): Registry {
  const { store, images, systems, tags, references, known, signer } = world;
  const sent = sentBlobs(store);

  async function findByDigest(digest: Digest, options: IoOptions): Promise<ManifestOutcome> {
    const found = await images.findByDigest(digest, options);
    if (found !== undefined) return found.kind === 'image' ? { ...found, kind: 'manifest' } : found;
    return { kind: 'manifest-unknown', message: `no image here has the digest ${digest}; pull its tag first` };
  }

  async function addTags(repository: RepositoryName, tag: Tag, { revision }: Image, { signal }: IoOptions) {
    await tags.add(repository, tag, { signal });
    // The commit as well: it can be asked for from now on, wherever the tag leads later.
    const commit = references.hasUnlisted ? parseTag(revision) : undefined;
    if (commit !== undefined) await tags.add(repository, commit, { signal });
  }

  async function build(repository: RepositoryName, request: NameRequest, tag: Tag, options: BuildOptions) {
    const outcome = await images.build(request, tag, options);
    if (outcome.kind !== 'image') return outcome;
    await addTags(repository, tag, outcome.image, options).catch((error: unknown) => {
      if (!(error instanceof StorageError)) throw error;
      // A list of tags is not worth a pull: the image is there.
      store.notice?.({ kind: 'unlisted-tag', key: error.key, reason: error.message });
    });
    return { ...outcome, kind: 'manifest' as const };
  }

  async function find(repository: RepositoryName, digest: Digest, options: IoOptions): Promise<BlobOutcome> {
    const stat = await known.look(digest, options);
    if (stat === undefined) return blobUnknown(repository, digest, options);
    // Without the signal: who got broken bytes may have left before the image is forgotten.
    const broken = () => reportMissing(repository, digest, {});
    return {
      kind: 'blob',
      digest,
      sizeBytes: stat.sizeBytes,
      open: (how) => sent.open({ digest, ...stat }, broken, { ...how, signal: options.signal }),
    };
  }

  async function findToPointAt(
    to: UrlSigner,
    repository: RepositoryName,
    digest: Digest,
    options: IoOptions,
  ): Promise<BlobOutcome> {
    const sizeBytes = await known.sizeOf(digest, options);
    return sizeBytes === undefined ? blobUnknown(repository, digest, options) : pointAt(to, digest, sizeBytes, options);
  }

  function pointAt(to: UrlSigner, digest: Digest, sizeBytes: number, options: IoOptions): BlobOutcome {
    return { kind: 'redirect', digest, sizeBytes, location: () => to.urlOf(blobKey(digest), options) };
  }

  async function reportMissing(repository: RepositoryName, digest: Digest, options: IoOptions): Promise<void> {
    const name = parseImageName(repository, systems);
    if (name.kind === 'invalid') return;
    const { request } = name;
    await images.reportMissing(digest, { request, references: await tags.list(repository, options) }, options);
  }

  async function blobUnknown(repository: RepositoryName, digest: Digest, options: IoOptions): Promise<BlobOutcome> {
    await reportMissing(repository, digest, options);
    return { kind: 'blob-unknown', message: `there is no blob ${digest} here; pull the image's tag again` };
  }

  return {
    resolveManifest(repositoryText, referenceText, options = {}) {
      const repository = parseRepositoryName(repositoryText);
      if (repository === undefined) return invalidName(repositoryText);
      const reference = parseReference(referenceText);
      if (reference === undefined) return invalidReference(referenceText);
      if (reference.kind === 'digest') return findByDigest(reference.digest, options);
      if (SIGNATURE_TAG.test(reference.tag)) {
        return { kind: 'manifest-unknown', message: 'there are no signatures and attestations here' };
      }
      const name = parseImageName(repository, systems);
      if (name.kind === 'invalid') return { kind: 'name-invalid', message: name.message };
      const { takesIndex = true, ...how } = options;
      const request = takesIndex ? name.request : forOnePlatform(name.request);
      const varies = name.request.systems.length > 1;
      const known = tags.isAdded(repository, reference.tag) ? images.peek(request, reference.tag) : undefined;
      if (known !== undefined) return known.kind === 'image' ? { ...known, kind: 'manifest', varies } : known;
      return build(repository, request, reference.tag, how).then((outcome) =>
        outcome.kind === 'manifest' ? { ...outcome, varies } : outcome,
      );
    },

    findBlob(repositoryText, digestText, options = {}) {
      const repository = parseRepositoryName(repositoryText);
      if (repository === undefined) return invalidName(repositoryText);
      const digest = parseDigest(digestText);
      if (digest === undefined) return invalidDigest(digestText);
      // What this program sends itself it looks at each time; of what it only points at, existence is remembered.
      if (signer === undefined) return find(repository, digest, options);
      const sizeBytes = known.peekSize(digest);
      return sizeBytes === undefined
        ? findToPointAt(signer, repository, digest, options)
        : pointAt(signer, digest, sizeBytes, options);
    },

    async listTags(repositoryText, { n, last }, options = {}) {
      const repository = parseRepositoryName(repositoryText);
      if (repository === undefined) return invalidName(repositoryText);
      const name = parseImageName(repository, systems);
      if (name.kind === 'invalid') return { kind: 'name-invalid', message: name.message };
      const pulled = await tags.list(repository, options);
      if (pulled.length === 0) {
        const without = await images.check(name.request, options);
        if (without?.kind === 'packages-unavailable') {
          return { kind: 'repository-unknown', message: missingPackages(without) };
        }
        if (without !== undefined) return without;
      }
      const listed = await references.list(options);
      const served = references.hasUnlisted ? pulled.filter((tag) => COMMIT.test(tag)) : [];
      const all = served.length === 0 ? listed : [...new Set([...listed, ...served])].sort();
      return { kind: 'tags', repository, ...pageOf(all, n, last) };
    },

    listReferrers(repositoryText, digestText) {
      if (parseRepositoryName(repositoryText) === undefined) return invalidName(repositoryText);
      if (parseDigest(digestText) === undefined) return invalidDigest(digestText);
      return { kind: 'referrers', index: NO_REFERRERS };
    },
  };
}

/** Of a name for several platforms, the one that most machines are. */
function forOnePlatform({ attributes, systems }: NameRequest): NameRequest {
  return { attributes, systems: [systems.includes(DEFAULT_SYSTEM) ? DEFAULT_SYSTEM : systems[0]] };
}
