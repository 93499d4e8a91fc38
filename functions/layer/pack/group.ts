import type { BlobStore } from '../../storage/blob-store.ts';
import type { KnownBlobs } from '../../storage/known-blobs.ts';
import { HEAD, TAIL } from '../frame/frame.ts';
import { type JoinedLayer, joinedPaths, joinedPathsAt } from '../join.ts';
import type { LayerThreads } from '../threads/threads.ts';
import {
  namedSource,
  packedTogether,
  type PackedPath,
  type PackedTogether,
  type PathToPack,
  type StorePathSources,
} from '../packed-path.ts';
import { openBlob, type OpenBlob } from '../../storage/publish-blob.ts';
import { findWhole, type RecordedBlob, type RecordedBlobAt, settleMade } from '../../storage/recorded-blob.ts';
import type { SharedWork } from '../../concurrency/shared-work.ts';

/** Store paths that were packed together, and the layer that they make in this order. */
export interface PackedGroup {
  readonly members: readonly RecordedBlob<PackedPath>[];
  /** Undefined when they were packed before, and are to be joined. */
  readonly joined: JoinedLayer | undefined;
}

/**
 * Packs store paths one after the other as one layer, which they are parts of afterwards, and nothing else. Where all
 * are packed already, that is found. Undefined when some of them are, or
 * are being packed: then they are packed each by itself, and joined.
 *
 * Who wants one of them meanwhile waits for this. It throws what packing throws.
 */
export type GroupPacker = (
  paths: readonly PathToPack[],
  options?: StorePathSources & { readonly signal?: AbortSignal | undefined },
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
    { sourceOf }: StorePathSources,
    group: AbortController,
  ): Promise<JoinedLayer> {
    const { signal } = group;
    const packing = await threads.packGroup({ signal });
    let blob: OpenBlob | undefined;
    try {
      const layer = (blob = await openBlob(store, { signal }));
      await layer.write(HEAD[packing.format]);
      const totals = await packing.pack(
        members.map(
          ({ path: { path } }) =>
            () =>
              namedSource(path, sourceOf?.(path)),
        ),
        (piece) => layer.write(piece),
      );
      await layer.write(TAIL[packing.format]);
      const published = await layer.publish();

      const packed = packedTogether(published, packing.format, totals.members);
      const joined = joinedPaths(published, totals.layer);
      const at = joinedPathsAt(
        { store, known },
        members.map((member) => member.at.key),
      );
      const before = await findWhole(at, { signal });
      // Where one fails the others are still being written: nothing goes on behind an end.
      const [settled, ...told] = await Promise.allSettled([
        before.kind === 'found' && before.isWhole
          ? { value: before.value, made: false, key: at.key }
          : settleMade(at, joined, before, { signal }),
        ...members.map(async (member, index) => {
          const value = packed[index] as PackedTogether;
          member.packed.resolve(await settleMade(member.at, value, member.before, { signal }));
        }),
      ]);
      for (const one of told) valueOf(one);
      return valueOf(settled);
    } catch (error) {
      group.abort(error);
      throw error;
    } finally {
      // What still reads a piece of the thread's memory has ended.
      await packing.close();
      await blob?.discard();
    }
  }

  return async (paths, { signal, ...sources } = {}) => {
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
    const layer = packAll(members, sources, group);
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

function valueOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}
