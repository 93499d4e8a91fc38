import type { ClosurePath, StorePath } from '../nix/store-path.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { MediaType } from '../oci/media-type.ts';
import type { Digest } from '../oci/digest.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import type { Leases } from '../storage/leases.ts';
import type { ObjectKey } from '../storage/object-key.ts';
import { unlessAborted } from '../concurrency/unless-aborted.ts';
import { type Compressor, formatOf } from './compressor.ts';
import { BlobGoneError, createJoiner, type JoinedLayer, type Layer } from './join.ts';
import {
  largestLayersFirst,
  type LayerMembers,
  layerMembers,
  type PackedAhead,
  type PackingOptions,
} from './pack/pack.ts';
import type { LayerThreads } from './threads/threads.ts';
import { memberTarBytesOf, type PackedPath } from './packed-path.ts';
import { type LayerPlanner, layerPlanner } from './plan/plan.ts';
import type { RecordedBlob } from '../storage/recorded-blob.ts';
import { publishRootLayer } from './root-layer.ts';
import type { RootDirectory } from './root-node.ts';
import { together } from '../concurrency/together.ts';

/** A layer as a manifest and an image config name it. */
export interface ImageLayer {
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed layer. */
  readonly diffId: Digest;
}

/** What was done for an image, for the log. */
export interface LayerStats {
  readonly pathsPacked: number;
  readonly pathsFound: number;
  readonly layersJoined: number;
  /** Length of what was packed now: before and after compression. */
  readonly packedUncompressedBytes: number;
  readonly packedBytes: number;
  /** Length of all layers, as a client with an empty store downloads them. */
  readonly imageBytes: number;
}

/** The records that an image was made from, and what clients do not see of it: the layers of other images that its paths were copied from. */
export interface LayerSources {
  /** Every path of the closure, sorted: where the record of its packing lies, and the blob that it is packed in. */
  readonly contents: readonly { readonly path: StorePath; readonly key: ObjectKey; readonly digest: Digest }[];
  readonly joins: readonly ObjectKey[];
  /** Layers that were not in the store before; the root is always made. */
  readonly fresh: readonly Digest[];
}

export interface LayerMaker {
  /**
   * The layers of an image, from the bottom to the top; the last is the root.
   *
   * @param image `root` is called once, when the other layers have begun
   * @param options `ahead`: what `packAhead` began
   */
  readonly make: (
    image: { readonly closure: readonly ClosurePath[]; readonly root: () => RootDirectory },
    options?: PackingOptions & { readonly ahead?: PackedAhead | undefined },
  ) => Promise<{ readonly layers: readonly ImageLayer[]; readonly sources: LayerSources; readonly stats: LayerStats }>;

  readonly packAhead: LayerMembers['packAhead'];
}

/**
 * Makes layers for one store: one for each process, so that images made at the same time share their packing and no
 * more paths are packed at once than help. On the first failure the rest is cancelled and waited for.
 *
 * What it throws: what `LayerMembers.pack` and createJoiner name; the first failure.
 */
export function createLayerMaker(into: {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  readonly compressor: Compressor;
  readonly threads?: LayerThreads | undefined;
  /** So that of all instances one packs a large path. */
  readonly leases?: Leases | undefined;
  readonly planner?: LayerPlanner | undefined;
}): LayerMaker {
  const { planner = layerPlanner() } = into;
  const mediaType = formatOf(into.compressor.name) === 'zstd' ? MediaType.layerZstd : MediaType.layerGzip;
  const members = layerMembers({ ...into, planner });
  const joiner = createJoiner(into);

  const make: LayerMaker['make'] = async ({ closure, root }, { signal, ahead, ...sources } = {}) => {
    const byPath = new Map(closure.map((path) => [path.path, path]));
    const packed = new Map<StorePath, RecordedBlob<PackedPath>>();
    const joins = new Set<ObjectKey>();
    const fresh = new Set<Digest>();
    /** Layers' members, as they are being looked up and packed. */
    const found: Promise<unknown>[] = [];
    let layersJoined = 0;

    function pathOf(path: StorePath): ClosurePath {
      const found = byPath.get(path);
      if (found === undefined) throw new RangeError(`${path} is planned but not in the closure`);
      return found;
    }
    function forget(one: PackedPath | undefined): void {
      if (one) into.known.forget(one.digest);
    }
    async function packAll(group: readonly StorePath[], stop: AbortSignal): Promise<JoinedLayer | undefined> {
      const begun = ahead?.groupOf(group.map(pathOf));
      const { members: packedNow, joined } = await (begun
        ? unlessAborted(begun, stop)
        : members.pack(group.map(pathOf), { ...sources, signal: stop, ahead }));
      for (const [path, member] of packedNow) packed.set(path, member);
      return joined;
    }
    async function join(group: readonly StorePath[], stop: AbortSignal): Promise<JoinedLayer> {
      const members = group.map((path) => packed.get(path)).filter((one) => one !== undefined);
      return joiner(members, { signal: stop });
    }
    async function joinOrPackAgain(group: readonly StorePath[], stop: AbortSignal): Promise<JoinedLayer> {
      try {
        return await join(group, stop);
      } catch (error) {
        // It was there within the last hour. Where one is gone, others may be: the packer looks again for all of them.
        if (!(error instanceof BlobGoneError)) throw error;
        for (const path of group) forget(packed.get(path)?.value);
        ahead = undefined;
        return (await packAll(group, stop)) ?? join(group, stop);
      }
    }
    async function layerOf(group: readonly StorePath[], stop: AbortSignal): Promise<Layer> {
      const packing = packAll(group, stop);
      found.push(packing);
      const { value, made, key } = (await packing) ?? (await joinOrPackAgain(group, stop));
      if (made) layersJoined++;
      if (key !== undefined) joins.add(key);
      // A layer of one path is what that was packed as.
      if (made || (group.length === 1 && group.some((path) => packed.get(path)?.made))) fresh.add(value.digest);
      return value;
    }

    const groups = planner.plan(closure);
    const made = new Map<readonly StorePath[], Layer>();
    let rootLayer: Layer | undefined;
    await together<(stop: AbortSignal) => Promise<void>, unknown>(
      [
        ...largestLayersFirst(groups, pathOf).map((group) => async (stop: AbortSignal) => {
          made.set(group, await layerOf(group, stop));
        }),
        async (stop) => {
          // It takes this thread for a while: what is only joined begins before, and goes on beside it.
          if (ahead === undefined) await Promise.allSettled(found);
          stop.throwIfAborted();
          rootLayer = await publishRootLayer(into, root(), { signal: stop });
        },
      ],
      (work, stop) => work(stop),
      signal,
    );
    const layers = [...groups.map((group) => made.get(group)), rootLayer].filter((layer) => layer !== undefined);
    const now = [...packed.values()].filter(({ made }) => made).map(({ value }) => value);
    return {
      layers: layers.map(({ digest, sizeBytes, diffId }) => ({
        descriptor: { mediaType, digest, size: sizeBytes },
        diffId,
      })),
      sources: {
        contents: [...packed]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([path, { key, value }]) => ({ path, key, digest: value.digest })),
        joins: [...joins].sort(),
        fresh: [...(rootLayer ? fresh.add(rootLayer.digest) : fresh)].sort(),
      },
      stats: {
        pathsPacked: now.length,
        pathsFound: packed.size - now.length,
        layersJoined,
        packedUncompressedBytes: sum(now.map(memberTarBytesOf)),
        packedBytes: sum(now.map(({ memberBytes }) => memberBytes)),
        imageBytes: sum(layers.map(({ sizeBytes }) => sizeBytes)),
      },
    };
  };

  return { make, packAhead: members.packAhead };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
