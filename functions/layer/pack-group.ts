import type { BlobStore } from '../storage/blob-store.ts';
import type { KnownBlobs } from '../storage/known-blobs.ts';
import { HEAD, TAIL } from './frame.ts';
import { type JoinedLayer, joinedPaths, joinedPathsAt } from './join.ts';
import type { LayerThreads } from './layer-threads.ts';
import { type OnDisk, type PackedPath, type PathToPack, placeOf, publishPacked } from './packed-path.ts';
import { openBlob, type OpenBlob } from './publish-blob.ts';
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
  options?: OnDisk & { readonly signal?: AbortSignal | undefined },
) => Promise<PackedGroup | undefined>;

export function groupPacker(world: {
  readonly store: BlobStore;
  readonly known: KnownBlobs;
  readonly threads: Pick<LayerThreads, 'packGroup'>;
  /** Of the paths that are being packed, by the keys of their records. */
  readonly share: SharedWork<RecordedBlob<PackedPath>>;
  readonly recordOf: (path: PathToPack) => RecordedBlobAt<PackedPath>;
  /** Keys of the paths that are being packed as part of a group. */
  readonly inGroups: Set<string>;
  /** Whether other instances are kept from packing the path at the same time: that goes path by path. */
  readonly isLeased: (path: PathToPack) => boolean;
}): GroupPacker {
  const { store, known, threads, share, recordOf, inGroups, isLeased } = world;

  /** One member, when its turn has come. */
  interface Member {
    readonly path: PathToPack;
    readonly at: RecordedBlobAt<PackedPath>;
    readonly before: Awaited<ReturnType<typeof findWhole<PackedPath>>>;
    readonly packed: PromiseWithResolvers<RecordedBlob<PackedPath>>;
  }

  async function packAll(
    members: readonly Member[],
    { locationOf, treeOf }: OnDisk,
    group: AbortController,
  ): Promise<JoinedLayer | undefined> {
    const { signal } = group;
    const packing = await threads.packGroup({ signal });
    let layer: OpenBlob | undefined;
    const publishing: Promise<PackedPath>[] = [];
    const settling: Promise<unknown>[] = [];
    const failure = Promise.withResolvers<never>();
    failure.promise.catch(() => undefined);
    try {
      const whole = (layer = await openBlob(store, { signal }));
      await whole.write(HEAD[packing.format]);
      for (const { path, at, before, packed } of members) {
        const one = packing.pack(
          placeOf(path.path, locationOf?.(path.path) ?? path.path, treeOf?.(path.path)),
          (piece) => whole.write(piece),
        );
        const isRead = Promise.withResolvers<undefined>();
        const published = publishPacked(store, { ...one, [Symbol.asyncIterator]: () => reading(one, isRead) }, signal);
        publishing.push(published);
        const settled = published.then((value) => settleMade(at, value, before, { signal }));
        settling.push(settled.then(packed.resolve, failure.reject));
        // The next is packed while this one becomes safe on its disk.
        await Promise.race([isRead.promise, failure.promise]);
      }
      const totals = await packing.end();
      await whole.write(TAIL[packing.format]);
      const made = await Promise.all(publishing);
      const settled = await Promise.race([Promise.all(members.map(({ packed }) => packed.promise)), failure.promise]);
      if (settled.some(({ value }, index) => value.digest !== made[index]?.digest)) return undefined;
      const at = joinedPathsAt({ store, known }, made);
      const before = await findWhole(at, { signal });
      if (before.kind === 'found' && before.isWhole) return { value: before.value, made: false, key: at.key };
      return await settleMade(at, joinedPaths(await whole.publish(), totals), before, { signal });
    } catch (error) {
      group.abort(error);
      throw error;
    } finally {
      // What still reads a piece of the thread's memory ends before others get the thread.
      await Promise.allSettled([...publishing, ...settling]);
      await packing.close();
      await layer?.discard();
    }
  }

  return async (paths, { signal, ...onDisk } = {}) => {
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

    const group = new AbortController();
    /** Members that are not packed yet and that somebody waits for. */
    const wanted = new Set(members);
    function leave(member: Member): void {
      wanted.delete(member);
      // Without its own caller, the group goes on as long as another wants one of it.
      if (wanted.size === 0 && signal?.aborted) group.abort(signal.reason);
    }
    const shared = members.map((member) => {
      inGroups.add(member.at.key);
      const work = (stop: AbortSignal): Promise<RecordedBlob<PackedPath>> => {
        stop.addEventListener('abort', () => {
          leave(member);
        });
        return member.packed.promise.finally(() => {
          inGroups.delete(member.at.key);
          leave(member);
        });
      };
      return share(member.at.key, work, { signal });
    });
    const layer = packAll(members, onDisk, group);
    layer.catch((error: unknown) => {
      for (const { packed } of members) packed.reject(error);
    });
    const leaveAll = (): void => {
      if (wanted.size === 0) group.abort(signal?.reason);
    };
    signal?.addEventListener('abort', leaveAll, { once: true });
    const [joined, ...packed] = await Promise.allSettled([layer, ...shared]);
    signal?.removeEventListener('abort', leaveAll);
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
