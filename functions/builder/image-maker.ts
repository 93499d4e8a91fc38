import { Readable } from 'node:stream';
import { LRUCache } from 'lru-cache';
import { type Compressor, compressorIdentity } from '../layer/compressor.ts';
import { defaultCommand, ENVIRONMENT } from '../layer/default-command.ts';
import { createLayerMaker, type ImageLayer, type LayerSources, type LayerStats } from '../layer/image-layers.ts';
import type { LayerThreads } from '../layer/layer-threads.ts';
import { MAX_LAYERS, OWN_LAYER_MIN_BYTES, PLAN_VERSION } from '../layer/plan.ts';
import { publishBlob } from '../layer/publish-blob.ts';
import { ROOT_LAYER_VERSION, rootTree } from '../layer/root-tree.ts';
import { StorePathMissingError, type Tree } from '../layer/tree.ts';
import type { NixCall } from '../nix/nix.ts';
import type { PackageSource } from '../nix/source.ts';
import type { ClosurePath, StorePath } from '../nix/store-path.ts';
import { MediaType } from '../oci/descriptor.ts';
import { hexOf } from '../oci/digest.ts';
import { serialiseImageConfig } from '../oci/image-config.ts';
import { serialiseManifest } from '../oci/manifest.ts';
import { architectureOf } from '../oci/platform.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import type { Leases } from '../storage/leases.ts';
import { splitObjectKey } from '../storage/object-key.ts';
import { findRecord, overwriteRecord, settleRecord } from '../storage/record.ts';
import { imageObject, type ImageRecord, imageRecord, imageRecordSchema } from './image.ts';
import { imageKey } from './image-key.ts';
import type { ImageRequest } from './image-request.ts';
import type { PackagesDenied, PackagesUnavailable } from './outcome.ts';
import { nameWithoutVersion, type PackagePolicy, type PolicySubject, subjectOf } from './package-policy.ts';
import { packageObject, packageRecordSchema } from './package-record.ts';
import type { KnownPackage, PackageFinder, PackageQuery } from './packages.ts';

/** In every image where the package set has them: CA certificates, and the names of protocols and services. */
export const ALWAYS: readonly string[] = ['cacert', 'iana-etc'];

/** nixpkgs' priority of a package that names none (`lib.meta.defaultPriority`). */
const DEFAULT_PRIORITY = 5;

/** Keys of images in memory. */
const MAX_REMEMBERED_KEYS = 2_000;

/** An image to be made. */
export interface ImageOrder {
  readonly request: ImageRequest;
  readonly source: PackageSource;
  readonly revision: string;
}

export interface MadeImage {
  readonly kind: 'made';
  readonly record: ImageRecord;
  readonly statistics: LayerStats & {
    /** Packages that Nix was asked about; none means that the image was composed of what is known. */
    readonly evaluated: number;
    readonly layers: number;
  };
}

/** Makes images, from package records to the manifest, and publishes them. */
export interface ImageMaker {
  /** The key hash of an image. Pure: it is known before anything of the image is. */
  keyOf(order: ImageOrder): string;
  make(order: ImageOrder, call: NixCall): Promise<MadeImage | PackagesUnavailable | PackagesDenied>;
}

export function imageMaker(into: {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  readonly compressor: Compressor;
  readonly packages: PackageFinder;
  readonly threads?: LayerThreads | undefined;
  /** So that of all instances one packs a large path. */
  readonly leases?: Leases | undefined;
  /** What may be had. */
  readonly policy?: PackagePolicy | undefined;
}): ImageMaker {
  const { store, known, compressor, packages: finder, policy } = into;
  const makeLayers = createLayerMaker(into);

  const queryOf = ({ request, source, revision }: ImageOrder): PackageQuery => {
    const { attributes, system } = request;
    return { source, revision, system, attributes, always: ALWAYS };
  };

  const keys = new LRUCache<string, string>({ max: MAX_REMEMBERED_KEYS });

  /** Remembered: a dozen hashes for each request are a twentieth of what a known image costs. */
  function keyOf(order: ImageOrder): string {
    const { request, source, revision } = order;
    const name = JSON.stringify([source.identity, revision, request.system, request.attributes]);
    let key = keys.get(name);
    if (key === undefined) {
      key = computeKey(order);
      keys.set(name, key);
    }
    return key;
  }

  function computeKey(order: ImageOrder): string {
    return imageKey({
      system: order.request.system,
      packages: finder.keysOf(queryOf(order)),
      rootLayer: ROOT_LAYER_VERSION,
      plan: { version: PLAN_VERSION, maxLayers: MAX_LAYERS, ownLayerMinBytes: OWN_LAYER_MIN_BYTES },
      compressor: compressorIdentity(compressor),
    });
  }

  /** Layers from what the store has packed; what it has not is packed, and for that built where it is not on this machine. */
  async function layersOf(
    order: ImageOrder,
    known: readonly KnownPackage[],
    root: ReturnType<typeof rootOf>,
    call: NixCall,
  ) {
    const image = { closure: unionOf(known), root: root.tree };
    await call.room?.hold(image.closure.map(({ path }) => path));
    try {
      return await makeLayers(image, { signal: call.signal });
    } catch (error) {
      if (!(error instanceof StorePathMissingError)) throw error;
      const attributes = known.map(({ record }) => record.attribute);
      await finder.realise(queryOf(order), attributes, call);
      return makeLayers(image, { signal: call.signal });
    }
  }

  async function publish(
    order: ImageOrder,
    packages: readonly KnownPackage[],
    { layers, sources }: { readonly layers: readonly ImageLayer[]; readonly sources: LayerSources },
    command: readonly string[] | undefined,
    call: NixCall,
  ) {
    const { request, revision, source } = order;
    const configBytes = serialiseImageConfig({
      architecture: architectureOf(request.system),
      diffIds: layers.map(({ diffId }) => diffId),
      env: ENVIRONMENT,
      ...(command && { cmd: command }),
      labels: {
        'org.opencontainers.image.title': request.attributes.join('/'),
        'org.opencontainers.image.revision': revision,
        'org.opencontainers.image.source': source.description,
      },
    });
    const options = { signal: call.signal };
    const config = await publishBlob(store, Readable.from([configBytes]), options);
    const descriptors = layers.map(({ descriptor }) => descriptor);
    const manifest = serialiseManifest({
      config: { mediaType: MediaType.config, digest: config.digest, size: config.sizeBytes },
      layers: descriptors,
    });
    await publishBlob(store, Readable.from([manifest.bytes]), options);
    const record = imageRecord({
      key: keyOf(order),
      revision,
      digest: manifest.digest,
      manifest: manifest.bytes.toString(),
      blobs: [config.digest, ...new Set(descriptors.map(({ digest }) => digest))],
      attributes: [...request.attributes],
      asked: [...subjectsOf(request, packages)],
      system: request.system,
      packages: packages.map((one) => one.key),
      contents: sources.contents.map(({ path, key, digest }) => ({ path, name: splitObjectKey(key).name, digest })),
      joins: sources.joins.map((key) => splitObjectKey(key).name),
    });
    // The digest first: whoever finds the image by its key asks for the digest next.
    await settle(imageObject(hexOf(manifest.digest)), record, call);
    return settle(imageObject(record.key), record, call);
  }

  async function settle(object: ReturnType<typeof imageObject>, record: ImageRecord, { signal }: NixCall) {
    const found = await findRecord(store, object, imageRecordSchema, { signal });
    // The same image as before, of which less was recorded then.
    if (found.kind === 'found' && found.value.asked === undefined && found.value.digest === record.digest) {
      await overwriteRecord(store, object, record, found, { signal });
      return record;
    }
    return settleRecord(store, object, imageRecordSchema, record, found, { signal });
  }

  /** What is known of the packages says that they are not to be had: then nothing of the others is built. */
  async function denialOf(order: ImageOrder, { signal }: NixCall): Promise<PackagesDenied | undefined> {
    if (policy === undefined) return undefined;
    const found = await Promise.all(
      finder.keysOf({ ...queryOf(order), always: [] }).map(async (key) => {
        const one = await findRecord(store, packageObject(key), packageRecordSchema, { signal });
        return one.kind === 'found' && one.value.kind === 'package' ? [{ key, record: one.value }] : [];
      }),
    );
    const message = policy.refusal(subjectsOf(order.request, found.flat()));
    return message === undefined ? undefined : { kind: 'denied', message };
  }

  return {
    keyOf,
    async make(order, call) {
      const denied = await denialOf(order, call);
      if (denied !== undefined) return denied;
      const found = await finder.find(queryOf(order), call);
      if (found.kind !== 'packages') return found;
      const refusal = policy?.refusal(subjectsOf(order.request, found.packages));
      if (refusal !== undefined) return { kind: 'denied', message: refusal };
      const root = rootOf(found.packages);
      const made = await layersOf(order, found.packages, root, call);
      const { layers, stats } = made;
      for (const { descriptor } of layers) known.add(descriptor.digest);
      const asked = new Set(order.request.attributes);
      const requested = found.packages.filter(({ record }) => asked.has(record.attribute));
      const command = defaultCommand(
        requested.map(({ record }) => ({
          name: nameWithoutVersion(record.name, record.packageVersion),
          mainProgram: record.mainProgram ?? undefined,
          trees: record.outputs.flatMap((path) => record.trees[path] ?? []),
        })),
        root.tree,
      );
      const record = await publish(order, found.packages, made, command, call);
      return { kind: 'made', record, statistics: { ...stats, evaluated: found.evaluated, layers: layers.length } };
    },
  };
}

/** The image's root: what was asked for, in the order of the names, before what that propagates. */
function rootOf(packages: readonly KnownPackage[]) {
  const records = packages.map(({ record }) => record).sort((a, b) => (a.attributePath < b.attributePath ? -1 : 1));
  const linked = (trees: Readonly<Record<StorePath, Tree>>, path: StorePath) => {
    const tree = trees[path];
    if (tree === undefined) throw new Error(`a package record has no listing of ${path}`);
    return { path, tree };
  };
  const { root, collisions } = rootTree({
    requested: records.flatMap(({ outputs, priority, trees }) =>
      outputs.map((path) => ({ ...linked(trees, path), priority: priority ?? DEFAULT_PRIORITY })),
    ),
    propagated: records.flatMap(({ propagated, trees }) => propagated.map((path) => linked(trees, path))),
  });
  return { tree: root, collisions };
}

function unionOf(packages: readonly KnownPackage[]): ClosurePath[] {
  const union = new Map<StorePath, ClosurePath>();
  for (const { record } of packages) for (const one of record.closure) union.set(one.path, one);
  return [...union.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What was asked for, of the packages of an image. */
function subjectsOf({ attributes }: ImageRequest, packages: readonly KnownPackage[]): PolicySubject[] {
  return packages
    .filter(({ record }) => attributes.includes(record.attribute))
    .map(({ record }) => subjectOf({ ...record, version: record.packageVersion }));
}
