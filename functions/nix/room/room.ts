import type { Logger } from 'pino';
import { type StoreRoom, StoreFullError } from '../build-room.ts';
import type { Nix } from '../nix.ts';
import { collectGarbage } from './garbage.ts';
import { type GarbageRoots, garbageRoots } from './garbage-roots.ts';
import { sharedGate } from './shared-gate.ts';
import { checkOwnFileSystem, measureStore, type StoreSpace } from './space.ts';

/** The volume of the store, and the folder of the roots that are this program's. */
const VOLUME = '/nix';
const ROOTS = '/nix/var/nix/gcroots/nixery-run';

/**
 * The room of this machine's Nix store, of which no two servers have a part.
 *
 * @param world.limitBytes what it may hold between builds. While building it may take all that there is
 * @param world.beforeCollecting gives up what could be garbage
 * @throws StoreSpaceError when it is not on a file system of its own
 */
export async function openStoreRoom(
  nix: Nix,
  world: {
    readonly limitBytes: number;
    readonly beforeCollecting: () => Promise<void>;
    readonly log: Pick<Logger, 'info' | 'error'>;
  },
): Promise<StoreRoom> {
  await checkOwnFileSystem(VOLUME);
  return storeRoom({
    ...world,
    measure: () => measureStore(VOLUME),
    roots: await garbageRoots(ROOTS),
    async collect(maxFreedBytes) {
      await world.beforeCollecting();
      await collectGarbage(nix, maxFreedBytes);
    },
  });
}

/** A room of which all is given. */
export function storeRoom(world: {
  readonly measure: () => Promise<StoreSpace>;
  readonly roots: GarbageRoots;
  readonly collect: (maxFreedBytes: number) => Promise<void>;
  /** What the store may hold between builds, in bytes. While building it may take all that there is. */
  readonly limitBytes: number;
  readonly log: Pick<Logger, 'info' | 'error'>;
}): StoreRoom {
  const { measure, roots, collect, limitBytes, log } = world;
  const gate = sharedGate();
  const builds = new Set<string>();
  /** Room that builds were promised and have perhaps not taken yet. */
  let promisedBytes = 0;
  let begun = 0;
  let collecting: Promise<void> | undefined;

  /** Frees down to `targetBytes`, if so much is garbage. Those who want it at once share one collection. */
  function collectTo(targetBytes: number): Promise<void> {
    collecting ??= gate
      .alone(async () => {
        const startedMs = performance.now();
        const before = await measure();
        const excessBytes = before.usedBytes - targetBytes;
        if (excessBytes <= 0) return;
        await collect(excessBytes);
        const { usedBytes } = await measure();
        const durationMs = Math.round(performance.now() - startedMs);
        log.info({ freedBytes: before.usedBytes - usedBytes, usedBytes, durationMs }, 'store collected');
      })
      .finally(() => (collecting = undefined));
    return collecting;
  }

  async function full(neededBytes: number, cause?: unknown): Promise<StoreFullError> {
    const { totalBytes, freeBytes } = await measure();
    const others = builds.size - 1;
    const free = mib(Math.max(0, freeBytes - promisedBytes));
    const needs = neededBytes > 0 ? mib(neededBytes) : 'more room than there is';
    const message = `the image needs ${needs} in the Nix store, of whose ${mib(totalBytes)} ${free} are free`;
    if (neededBytes > totalBytes || others === 0) return new StoreFullError('always', message, cause);
    return new StoreFullError('for-now', `${message} while others are being made (${others}): try again later`, cause);
  }

  const hasRoom = async (neededBytes: number) => neededBytes <= (await measure()).freeBytes - promisedBytes;

  return {
    open() {
      const build = String(begun++);
      builds.add(build);
      return {
        hold: (paths) => roots.add(build, paths),
        keepingAll: (work) => gate.shared(work),

        async adding(neededBytes, work, isFull) {
          if (!(await hasRoom(neededBytes))) {
            await collectTo(0);
            if (!(await hasRoom(neededBytes))) throw await full(neededBytes);
          }
          promisedBytes += neededBytes;
          try {
            return await work();
          } catch (error) {
            if (!isFull(error)) throw error;
          } finally {
            promisedBytes -= neededBytes;
          }
          for (;;) {
            await collectTo(0);
            const [others, before] = [builds.size - 1, begun];
            try {
              return await work();
            } catch (error) {
              if (!isFull(error)) throw error;
              // Others had a part of the room, and have ended since: there may be enough for it alone.
              if ((others > 0 || begun > before) && builds.size === 1) continue;
              // Without what was left half-made, so that the figures say what there was.
              await collectTo(0);
              throw await full(0, error);
            }
          }
        },

        async close() {
          builds.delete(build);
          await roots.remove(build);
          if ((await measure()).usedBytes <= limitBytes) return;
          // Somewhat below the limit, so that the next build is not followed by another collection.
          collectTo(limitBytes / 2).catch((error: unknown) => {
            log.error({ err: error }, 'the store could not be collected');
          });
        },
      };
    },
    async idle() {
      await collecting;
    },
  };
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
