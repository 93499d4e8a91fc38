import type { StorePath } from '../nix/store-path.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import { HEAD, TAIL } from './frame.ts';
import { type JoinedLayer, joinedPaths, joinedPathsAt } from './join.ts';
import type { LayerThreads } from './layer-threads.ts';
import { type PackedPath, type PathToPack, placeOf, publishPacked } from './packed-path.ts';
import { openBlob } from './publish-blob.ts';
import { findWhole, type RecordedBlob, type RecordedBlobAt, settleMade } from './recorded-blob.ts';
import type { SharedWork } from './shared-work.ts';

/** Store paths that were packed together, and the layer that they make in this order. */
export interface PackedGroup {
  readonly members: readonly RecordedBlob<PackedPath>[];
  /** Undefined when they are to be joined: they were packed before, or the store settled on another content of a member. */
  readonly joined: JoinedLayer | undefined;
}

/**
 * Packs store paths one after the other, and makes the layer of them all on the way: nothing is read, inflated and
 * hashed a second time, as joining would. Where all are packed already, that is found. Undefined when some of them are, or
 * are being packed: then they are packed each by itself, and joined.
 *
 * Who wants one of them meanwhile waits for this. It throws what packing throws.
 */
export type GroupPacker = (
  paths: readonly PathToPack[],
  options?: {
    readonly locationOf?: ((path: StorePath) => string) | undefined;
    readonly signal?: AbortSignal | undefined;
  },
) => Promise<PackedGroup | undefined>;

export function groupPacker(world: {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  readonly threads: Pick<LayerThreads, 'packGroup'>;
  /** Of the paths that are being packed, by the keys of their records. */
  readonly share: SharedWork<RecordedBlob<PackedPath>>;
  readonly recordOf: (path: PathToPack) => RecordedBlobAt<PackedPath>;
  /** Whether other instances are kept from packing the path at the same time: that goes path by path. */
  readonly isLeased: (path: PathToPack) => boolean;
}): GroupPacker {
  const { store, known, threads, share, recordOf, isLeased } = world;

  /** One member, when its turn has come. */
  interface Member {
    readonly path: PathToPack;
    readonly at: RecordedBlobAt<PackedPath>;
    readonly before: Awaited<ReturnType<typeof findWhole<PackedPath>>>;
    readonly packed: PromiseWithResolvers<RecordedBlob<PackedPath>>;
  }

  async function packAll(
    members: readonly Member[],
    locationOf: (path: StorePath) => string,
    signal: AbortSignal,
  ): Promise<JoinedLayer | undefined> {
    const packing = await threads.packGroup({ signal });
    const layer = await openBlob(store, { signal });
    const publishing: Promise<PackedPath>[] = [];
    const failure = Promise.withResolvers<never>();
    failure.promise.catch(() => undefined);
    try {
      await layer.write(HEAD[packing.format]);
      for (const { path, at, before, packed } of members) {
        const one = packing.pack(placeOf(path.path, locationOf(path.path)), (piece) => layer.write(piece));
        const isRead = Promise.withResolvers<undefined>();
        const published = publishPacked(store, { ...one, [Symbol.asyncIterator]: () => reading(one, isRead) }, signal);
        publishing.push(published);
        published.then((value) => settleMade(at, value, before, { signal })).then(packed.resolve, failure.reject);
        // The next is packed while this one becomes safe on its disk.
        await Promise.race([isRead.promise, failure.promise]);
      }
      const totals = await packing.end();
      await layer.write(TAIL[packing.format]);
      const made = await Promise.all(publishing);
      const settled = await Promise.race([Promise.all(members.map(({ packed }) => packed.promise)), failure.promise]);
      if (settled.some(({ value }, index) => value.digest !== made[index]?.digest)) return undefined;
      const at = joinedPathsAt({ store, known }, made);
      return await settleMade(at, joinedPaths(await layer.publish(), totals), await findWhole(at, { signal }), {
        signal,
      });
    } finally {
      await packing.close();
      await Promise.allSettled(publishing);
      await layer.discard();
    }
  }

  return async (paths, { locationOf = (path: StorePath): string => path, signal } = {}) => {
    const records = paths.map((path) => ({ path, at: recordOf(path) }));
    const isBusy = (): boolean => records.some(({ path, at }) => isLeased(path) || share.isRunning(at.key));
    if (isBusy()) return undefined;
    const members: Member[] = await Promise.all(
      records.map(async (one) => ({
        ...one,
        before: await findWhole(one.at, { signal }),
        packed: Promise.withResolvers<RecordedBlob<PackedPath>>(),
      })),
    );
    const found = members.flatMap(({ at, before }) =>
      before.kind === 'found' && before.isWhole ? [{ value: before.value, made: false, key: at.key }] : [],
    );
    if (found.length === members.length) return { members: found, joined: undefined };
    if (isBusy() || found.length > 0) return undefined;
    signal?.throwIfAborted();

    // Until nobody wants any of them.
    const group = new AbortController();
    let wanted = members.length;
    const shared = members.map(({ at, packed }) =>
      share(
        at.key,
        (stop) => {
          stop.addEventListener('abort', () => {
            if (--wanted === 0) group.abort(stop.reason);
          });
          return packed.promise;
        },
        { signal },
      ),
    );
    const layer = packAll(members, locationOf, group.signal);
    layer.catch((error: unknown) => {
      for (const { packed } of members) packed.reject(error);
      group.abort(error);
    });
    const [joined, ...packed] = await Promise.allSettled([layer, ...shared]);
    signal?.throwIfAborted();
    if (joined.status === 'rejected') throw joined.reason;
    return { members: packed.map((one) => valueOf(one)), joined: joined.value };
  };
}

async function* reading(
  packing: AsyncIterable<Buffer>,
  isRead: PromiseWithResolvers<undefined>,
): AsyncGenerator<Buffer, void, void> {
  yield* packing;
  isRead.resolve(undefined);
}

function valueOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}
