import type { ClosurePath, StorePath } from '../nix/store-path.ts';
import { type Descriptor, MediaType } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import type { Leases } from '../storage/leases.ts';
import type { ObjectKey } from '../storage/object-key.ts';
import type { Compressor } from './compressor.ts';
import { BlobGoneError, createJoiner, type Layer } from './join.ts';
import type { LayerThreads } from './layer-threads.ts';
import { createPacker, type PackedPath } from './pack.ts';
import { joinedThenLargest, largestFirst } from './pack-order.ts';
import { planLayers } from './plan.ts';
import type { RecordedBlob } from './recorded-blob.ts';
import { publishRootLayer } from './root-layer.ts';
import type { RootDirectory } from './root-node.ts';
import { weightedLimit } from './weighted-limit.ts';

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

/** The records that an image was made from, and what clients do not see of it: the packed paths behind joined layers. */
export interface LayerSources {
  /** Every path of the closure, sorted: where the record of its packing lies, and what it is packed as. */
  readonly contents: readonly { readonly path: StorePath; readonly key: ObjectKey; readonly digest: Digest }[];
  readonly joins: readonly ObjectKey[];
}

export interface ImageLayersOptions {
  /** Where a store path's content lies, when not at the path itself. */
  readonly locationOf?: ((path: StorePath) => string) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Store paths that are being packed before all of their image is known. */
export interface PackedAhead {
  /** Undefined for a path that is not among them. It fails as packing fails. */
  resultOf(path: StorePath): Promise<RecordedBlob<PackedPath>> | undefined;
  /** Resolves when nothing of it goes on, however it ended. */
  ended(): Promise<void>;
}

export interface LayerMaker {
  /** The layers of an image, from the bottom to the top; the last is the root. @param options `ahead`: what `packAhead` began */
  readonly make: (
    image: { readonly closure: readonly ClosurePath[]; readonly root: RootDirectory },
    options?: ImageLayersOptions & { readonly ahead?: PackedAhead | undefined },
  ) => Promise<{ readonly layers: readonly ImageLayer[]; readonly sources: LayerSources; readonly stats: LayerStats }>;

  /** Begins to pack store paths, in the order in which layers will want them. Who wants them no more aborts it. */
  readonly packAhead: (closure: readonly ClosurePath[], options?: ImageLayersOptions) => PackedAhead;
}

/**
 * Makes layers for one store: one for each process, so that images made at the same time share their packing and no
 * more paths are packed at once than help. On the first failure the rest is cancelled and waited for.
 *
 * What it throws: what createPacker and createJoiner name; the first failure.
 */
export function createLayerMaker(into: {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  readonly compressor: Compressor;
  readonly threads?: LayerThreads | undefined;
  /** So that of all instances one packs a large path. */
  readonly leases?: Leases | undefined;
}): LayerMaker {
  const limit = weightedLimit(MAX_BYTES_IN_FLIGHT);
  const pack = createPacker(into);
  const join = createJoiner(into);

  const make: LayerMaker['make'] = async ({ closure, root }, { locationOf, signal, ahead } = {}) => {
    const byPath = new Map(closure.map((path) => [path.path, path]));
    const packed = new Map<StorePath, RecordedBlob<PackedPath>>();
    const joins = new Set<ObjectKey>();
    let layersJoined = 0;

    function pathOf(path: StorePath): ClosurePath {
      const found = byPath.get(path);
      if (found === undefined) throw new RangeError(`${path} is planned but not in the closure`);
      return found;
    }
    function forget(one: PackedPath | undefined): void {
      if (one) into.known.forget(one.digest);
    }
    async function packOne(path: ClosurePath, stop: AbortSignal): Promise<void> {
      const packing =
        ahead?.resultOf(path.path) ??
        limit(bytesInFlight(path), () => pack(path, { location: locationOf?.(path.path), signal: stop }));
      packed.set(path.path, await packing);
    }
    const packAll = (paths: readonly ClosurePath[], stop: AbortSignal): Promise<unknown> =>
      together(largestFirst(paths), packOne, stop);
    const joinGroup = async (group: readonly StorePath[], stop: AbortSignal): Promise<Layer> => {
      const members = group.map((path) => packed.get(path)?.value).filter((one) => one !== undefined);
      const { value, made, key } = await join(members, { signal: stop });
      if (made) layersJoined++;
      if (key !== undefined) joins.add(key);
      return value;
    };
    const joinOrPackAgain = async (group: readonly StorePath[], stop: AbortSignal): Promise<Layer> => {
      try {
        return await joinGroup(group, stop);
      } catch (error) {
        // It was there within the last hour. Where one is gone, others may be: the packer looks again for all of them.
        if (!(error instanceof BlobGoneError)) throw error;
        for (const path of group) forget(packed.get(path)?.value);
        ahead = undefined;
        await packAll(group.map(pathOf), stop);
        return joinGroup(group, stop);
      }
    };

    const layerOf = async (group: readonly StorePath[], stop: AbortSignal): Promise<Layer> => {
      await packAll(group.map(pathOf), stop);
      return joinOrPackAgain(group, stop);
    };

    const groups = planLayers(closure);
    const made = new Map<readonly StorePath[], Layer>();
    const [rootLayer] = await together<(stop: AbortSignal) => Promise<Layer>, Layer>(
      [
        (stop) => publishRootLayer(into, root, { signal: stop }),
        // What is joined has to wait for its last path, and goes on while the others are packed.
        ...joinedThenLargest(groups, pathOf).map((group) => async (stop: AbortSignal) => {
          const layer = await layerOf(group, stop);
          made.set(group, layer);
          return layer;
        }),
      ],
      (work, stop) => work(stop),
      signal,
    );
    const layers = [...groups.map((group) => made.get(group)), rootLayer].filter((layer) => layer !== undefined);
    const now = [...packed.values()].filter(({ made }) => made).map(({ value }) => value);
    return {
      layers: layers.map(({ digest, sizeBytes, diffId }) => ({
        descriptor: { mediaType: MediaType.layerGzip, digest, size: sizeBytes },
        diffId,
      })),
      sources: {
        contents: [...packed]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([path, { key, value }]) => ({ path, key, digest: value.digest })),
        joins: [...joins].sort(),
      },
      stats: {
        pathsPacked: now.length,
        pathsFound: packed.size - now.length,
        layersJoined,
        packedUncompressedBytes: sum(now.map(({ uncompressedBytes }) => uncompressedBytes)),
        packedBytes: sum(now.map(({ sizeBytes }) => sizeBytes)),
        imageBytes: sum(layers.map(({ sizeBytes }) => sizeBytes)),
      },
    };
  };

  return {
    make,
    packAhead(closure, { locationOf, signal } = {}) {
      const byPath = new Map(closure.map((path) => [path.path, path]));
      const results = new Map<StorePath, Promise<RecordedBlob<PackedPath>>>();
      const pathOf = (path: StorePath): ClosurePath => byPath.get(path) as ClosurePath;
      for (const group of joinedThenLargest(planLayers(closure), pathOf)) {
        for (const path of largestFirst(group.map(pathOf))) {
          const packing = limit(bytesInFlight(path), () => pack(path, { location: locationOf?.(path.path), signal }));
          // Its failure is met by whoever asks for it, if anybody does.
          packing.catch(() => undefined);
          results.set(path.path, packing);
        }
      }
      return {
        resultOf: (path) => results.get(path),
        async ended() {
          await Promise.allSettled(results.values());
        },
      };
    },
  };
}

/**
 * What paths on their way to the store may keep in memory together. It bounds what is on its way, not what is packed at
 * once: that the threads which read bound, and while one path's bytes are synced to the disk others are packed.
 */
const MAX_BYTES_IN_FLIGHT = 48 * 1024 * 1024;

/** The most that one of them keeps: a bucket holds this much of an upload until it is confirmed. */
const MAX_BYTES_OF_PATH = 16 * 1024 * 1024;

/** The least: what an open stream takes. */
const MIN_BYTES_OF_PATH = 512 * 1024;

function bytesInFlight({ narSizeBytes }: ClosurePath): number {
  return Math.max(MIN_BYTES_OF_PATH, Math.min(MAX_BYTES_OF_PATH, narSizeBytes));
}

/** Does all at once; on the first failure the others are aborted and waited for, and it is thrown. */
async function together<T, R>(
  items: readonly T[],
  work: (item: T, stop: AbortSignal) => Promise<R>,
  signal: AbortSignal | undefined,
): Promise<R[]> {
  const failure = new AbortController();
  const stop = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
  const results = items.map(async (item) => {
    try {
      return await work(item, stop);
    } catch (error) {
      failure.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(results);
  // The reason is the first failure: what the others threw came from the abort.
  signal?.throwIfAborted();
  failure.signal.throwIfAborted();
  return Promise.all(results);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
