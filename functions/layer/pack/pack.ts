import type { ClosurePath, StorePath } from '../../nix/store-path.ts';
import { unlessAborted } from '../../concurrency/unless-aborted.ts';
import { bytesInFlight, MAX_BYTES_IN_FLIGHT } from './bytes-in-flight.ts';
import type { JoinedLayer } from '../join.ts';
import { createPacker } from './packer.ts';
import type { PackedPath, PathToPack, StorePathSources } from '../packed-path.ts';
import type { LayerPlanner } from '../plan/plan.ts';
import type { RecordedBlob } from '../../storage/recorded-blob.ts';
import { together } from '../../concurrency/together.ts';
import { weightedLimit } from '../../concurrency/weighted-limit.ts';

/** What a layer is made of; the layer itself where it was made on the way. */
export interface PackedMembersAndLayer {
  readonly members: ReadonlyMap<StorePath, RecordedBlob<PackedPath>>;
  readonly joined: JoinedLayer | undefined;
}

/** Store paths that are being packed before all of their image is known. */
export interface PackedAhead {
  /** Undefined for a path that is not among them, or with another content. It fails as packing fails. */
  resultOf(path: PathToPack): Promise<RecordedBlob<PackedPath>> | undefined;
  /** The same for the paths of a layer; undefined also when they are part of others. */
  groupOf(group: readonly PathToPack[]): Promise<PackedMembersAndLayer> | undefined;
  /** Resolves when nothing of it goes on, however it ended. */
  ended(): Promise<void>;
}

export interface PackingOptions extends StorePathSources {
  readonly signal?: AbortSignal | undefined;
}

/** Packs what layers are made of, no more at once than memory is to be spent on. */
export interface LayerMembers {
  /**
   * The store paths of one layer; several that are all new are packed as one layer.
   *
   * @throws what `createPacker` names; the first failure
   */
  readonly pack: (
    group: readonly ClosurePath[],
    options: PackingOptions & { readonly ahead?: PackedAhead | undefined },
  ) => Promise<PackedMembersAndLayer>;
  /** Begins to pack store paths, in the order in which layers will want them. Who wants them no more aborts it. */
  readonly packAhead: (closure: readonly ClosurePath[], options?: PackingOptions) => PackedAhead;
}

/** One for each process, so that all images together keep to what may be on its way at once. */
export function layerMembers(
  into: Parameters<typeof createPacker>[0] & { readonly planner: LayerPlanner },
): LayerMembers {
  const { planner } = into;
  const packer = createPacker(into);
  const limit = weightedLimit(MAX_BYTES_IN_FLIGHT);

  const pack: LayerMembers['pack'] = (group, { signal, ahead, ...sources }) => {
    async function packOne(path: ClosurePath, stop: AbortSignal | undefined) {
      const begun = ahead?.resultOf(path);
      const packing = begun
        ? unlessAborted(begun, stop)
        : packer.pack(path, { source: sources.sourceOf?.(path.path), signal: stop });
      return [path.path, await packing] as const;
    }

    async function packAll(): Promise<PackedMembersAndLayer> {
      // What was begun ahead may have ended: it would be found, as if it had been there before.
      const isBegun = group.some((path) => ahead?.resultOf(path) !== undefined);
      const whole = group.length > 1 && !isBegun ? await packer.packGroup(group, { ...sources, signal }) : undefined;
      const members = whole
        ? group.map(({ path }, index) => [path, whole.members[index] as RecordedBlob<PackedPath>] as const)
        : await together(largestFirst(group), packOne, signal);
      return { members: new Map(members), joined: whole?.joined };
    }
    return limit(bytesInFlight(group), packAll, signal);
  };

  return {
    pack,
    packAhead(closure, options = {}) {
      const byPath = new Map(closure.map((path) => [path.path, path]));
      const pathOf = (path: StorePath): ClosurePath => byPath.get(path) as ClosurePath;
      const groups = new Map<string, Promise<PackedMembersAndLayer>>();
      const results = new Map<string, Promise<RecordedBlob<PackedPath>>>();
      for (const group of largestLayersFirst(planner.plan(closure), pathOf)) {
        const paths = group.map(pathOf);
        const packing = pack(paths, options);
        // Its failure is met by whoever asks for it, if anybody does.
        packing.catch(() => undefined);
        groups.set(paths.map(nameOf).join('\n'), packing);
        for (const path of paths) {
          const result = packing.then(({ members }) => members.get(path.path) as RecordedBlob<PackedPath>);
          result.catch(() => undefined);
          results.set(nameOf(path), result);
        }
      }
      return {
        resultOf: (path) => results.get(nameOf(path)),
        groupOf: (group) => groups.get(group.map(nameOf).join('\n')),
        async ended() {
          await Promise.allSettled(groups.values());
        },
      };
    },
  };
}

function nameOf({ path, narHash }: PathToPack): string {
  return `${path} ${narHash}`;
}

/**
 * Layers in the order in which they are packed: the largest first, so that threads have work while the main thread does
 * what it does once, and the last to end is a small one.
 */
export function largestLayersFirst(
  groups: readonly (readonly StorePath[])[],
  pathOf: (path: StorePath) => ClosurePath,
): readonly (readonly StorePath[])[] {
  const bytesOf = (group: readonly StorePath[]): number =>
    group.reduce((total, path) => total + pathOf(path).narSizeBytes, 0);
  return groups.toSorted((a, b) => bytesOf(b) - bytesOf(a));
}

/** In one order, whatever that of the closure. */
function largestFirst(paths: readonly ClosurePath[]): readonly ClosurePath[] {
  return paths.toSorted((a, b) => b.narSizeBytes - a.narSizeBytes || (a.path < b.path ? -1 : 1));
}
