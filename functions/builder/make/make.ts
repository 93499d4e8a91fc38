import { type Compressor, compressorIdentity } from '../../layer/compressor.ts';
import { defaultCommand, programsIn } from './default-command.ts';
import { environmentOf } from './environment.ts';
import { createLayerMaker, type LayerStats } from '../../layer/image-layers.ts';
import type { PackedAhead } from '../../layer/pack/pack.ts';
import type { LayerThreads } from '../../layer/threads/threads.ts';
import { type LayerPlanner, layerPlanner } from '../../layer/plan/plan.ts';
import type { RootDirectory } from '../../layer/root-node.ts';
import { ROOT_LAYER_VERSION } from '../../layer/root/root.ts';
import { localSource } from '../../layer/source/source.ts';
import { entriesOf, StorePathMissingError, type Tree } from '../../layer/tree.ts';
import type { NixCall } from '../../nix/nix.ts';
import type { PackageSource } from '../../nix/source.ts';
import type { ClosurePath } from '../../nix/store-path.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import type { KnownBlobs } from '../../storage/known-blobs.ts';
import type { Leases } from '../../storage/leases.ts';
import type { ImageRecord } from '../image.ts';
import { checkPackages } from './check.ts';
import { knownDenials, subjectsOf } from './denial.ts';
import { imageKeys } from './key.ts';
import { rootOf } from '../image-root.ts';
import { type ImageRequest, SHELL } from '../image-request.ts';
import type { PackagesDenied, PackagesUnavailable } from '../outcome.ts';
import { nameWithoutVersion, type PackagePolicy } from '../package-policy.ts';
import type { KnownPackage } from '../package-record.ts';
import type { PackageQuery } from '../package-query.ts';
import type { PackageFinder } from '../packages/packages.ts';
import type { RevisionTimes } from '../revisions/revisions.ts';
import type { FindCall } from '../package-query.ts';
import type { ReadTrees } from '../package-query.ts';
import { imagePublisher } from './publish.ts';
import { unionOf } from '../../nix/closure/closure.ts';

/** In every image where the package set has them: CA certificates, and the names of protocols and services. */
export const ALWAYS: readonly string[] = ['cacert', 'iana-etc'];

/** From an image to what is prepared for the next one. */
const PREPARE_AFTER_MS = 1_000;

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
  /** Why the packages of an image are not to be had; undefined where they are. Nothing is built. */
  check(order: ImageOrder, call: NixCall): Promise<PackagesUnavailable | PackagesDenied | undefined>;
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
  readonly planner?: LayerPlanner | undefined;
  readonly times: RevisionTimes;
}): ImageMaker {
  const { store, known, compressor, threads, packages: finder, policy, planner = layerPlanner() } = into;
  const layerMaker = createLayerMaker({ ...into, planner });
  const publish = imagePublisher(store);
  const denialOf = knownDenials(store, policy);

  const queryOf = ({ request, source, revision }: ImageOrder): PackageQuery => {
    const { attributes, system } = request;
    return { source, revision, system, attributes, always: ALWAYS };
  };

  const keyOf = imageKeys((order: ImageOrder) => ({
    system: order.request.system,
    packages: finder.keysOf(queryOf(order)),
    rootLayer: ROOT_LAYER_VERSION,
    plan: planner.identity,
    compressor: compressorIdentity(compressor),
    isDated: order.source.madeAt !== undefined,
  }));

  /** Layers from what the store has packed; what it has not is packed, and for that built where it is not on this machine. */
  async function layersOf(
    order: ImageOrder,
    known: readonly KnownPackage[],
    root: () => RootDirectory,
    call: NixCall & { readonly ahead?: PackedAhead | undefined },
  ) {
    const image = { closure: unionOf(known.map(({ record }) => record.closure)), root };
    await call.room?.hold(image.closure.map(({ path }) => path));
    try {
      return await layerMaker.make(image, { signal: call.signal, ahead: call.ahead });
    } catch (error) {
      if (!(error instanceof StorePathMissingError)) throw error;
      const attributes = known.map(({ record }) => record.attribute);
      await finder.realise(queryOf(order), attributes, call);
      return layerMaker.make(image, { signal: call.signal });
    }
  }

  /** Who asked for an image gets its layers before something is prepared for the next one. */
  function prepareLater(query: PackageQuery): void {
    setTimeout(() => {
      finder.prepare(query);
    }, PREPARE_AFTER_MS).unref();
  }

  /** @param meanwhile.packAhead begins what a closure needs while the rest is found out */
  async function make(
    order: ImageOrder,
    call: NixCall,
    {
      packAhead,
      ...told
    }: Pick<FindCall, 'whenAsked' | 'whenAnswered'> & {
      readonly packAhead: (closure: readonly ClosurePath[], trees: ReadTrees) => PackedAhead;
    },
  ): ReturnType<ImageMaker['make']> {
    const denied = await denialOf(order.request, finder.keysOf({ ...queryOf(order), always: [] }), call);
    if (denied !== undefined) return denied;
    const dating = into.times.of(order.source, order.revision, call);
    // Whatever ends this sooner says why.
    dating.catch(() => undefined);
    let ahead: PackedAhead | undefined;
    const whenClosure: FindCall['whenClosure'] = async (closure, trees) => {
      await call.room?.hold(closure.map(({ path }) => path));
      ahead = packAhead(closure, trees);
    };
    const found = await finder.find(queryOf(order), { ...call, ...told, whenClosure });
    if (found.kind !== 'packages') return found;
    const refusal = policy?.refusal(subjectsOf(order.request, found.packages));
    if (refusal !== undefined) return { kind: 'denied', message: refusal };
    let rootMade: RootDirectory | undefined;
    const root = (): RootDirectory => (rootMade ??= rootOf(found.packages));
    const made = await layersOf(order, found.packages, root, { ...call, ahead });
    const { layers, stats } = made;
    for (const { descriptor } of layers) known.add(descriptor.digest);
    const asked = new Set(order.request.attributes);
    const requested = found.packages.filter(({ record }) => asked.has(record.attribute));
    const command = defaultCommand(
      requested.map(({ record }) => ({
        name: nameWithoutVersion(record.name, record.packageVersion),
        mainProgram: record.mainProgram ?? undefined,
        programs: () => programsIn(record.outputs, record.trees),
      })),
      root(),
    );
    const record = await publish(
      {
        ...{ ...made, ...order, key: keyOf(order), command, environment: environmentOf(root()) },
        packages: found.packages.map(({ key }) => key),
        asked: subjectsOf(order.request, found.packages),
        madeAtS: await dating,
      },
      call,
    );
    return { kind: 'made', record, statistics: { ...stats, evaluated: found.evaluated, layers: layers.length } };
  }

  return {
    keyOf,
    check: (order, call) => checkPackages({ finder, policy }, order.request, queryOf(order), call),
    async make(order, call) {
      const over = new AbortController();
      const signal = call.signal ? AbortSignal.any([call.signal, over.signal]) : over.signal;
      let begun: PackedAhead | undefined;
      let next: PackageQuery | undefined;
      try {
        return await make(order, call, {
          whenAsked() {
            // While Nix works, the threads that will pack get ready. What is wrong with them packing will say.
            threads?.warmUp().catch(() => undefined);
          },
          whenAnswered() {
            next = { ...queryOf(order), attributes: SHELL };
          },
          packAhead(closure, trees) {
            begun = layerMaker.packAhead(closure, {
              signal,
              sourceOf: (path) => localSource(path, handedOn(trees.get(path))),
            });
            return begun;
          },
        });
      } finally {
        // What was begun and nobody needs.
        over.abort();
        await begun?.ended();
        if (next) prepareLater(next);
      }
    },
  };
}

/** Handing on a tree costs the main thread some microseconds for each entry; longer ones are read again by who packs. */
const MAX_ENTRIES_HANDED_ON = 4_000;

function handedOn(tree: Tree | undefined): Tree | undefined {
  return tree !== undefined && entriesOf(tree, MAX_ENTRIES_HANDED_ON) < MAX_ENTRIES_HANDED_ON ? tree : undefined;
}
