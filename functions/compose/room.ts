import type { NixSettings } from '../config/nix-settings.ts';
import type { Log } from '../log.ts';
import { collectGarbage } from '../nix/room/garbage.ts';
import { garbageRoots } from '../nix/room/garbage-roots.ts';
import { type StoreRoom, storeRoom } from '../nix/room/room.ts';
import { checkOwnFileSystem, measureStore } from '../nix/room/space.ts';

/** The volume of the store, and the folder of the roots that are this program's. */
const VOLUME = '/nix';
const ROOTS = '/nix/var/nix/gcroots/nixery-run';

/**
 * The room of a Nix store that has a limit; undefined where it has none. No two servers share such a store.
 *
 * @param world.beforeCollecting gives up what could be garbage
 * @throws StoreSpaceError when it is not on a file system of its own
 */
export async function composeRoom(
  nix: NixSettings,
  { log, beforeCollecting }: { readonly log: Log; readonly beforeCollecting: () => Promise<void> },
): Promise<StoreRoom | undefined> {
  const { storeLimitBytes: limitBytes } = nix;
  if (limitBytes === undefined) return undefined;
  await checkOwnFileSystem(VOLUME);
  return storeRoom({
    measure: () => measureStore(VOLUME),
    roots: await garbageRoots(ROOTS),
    async collect(maxFreedBytes) {
      await beforeCollecting();
      await collectGarbage(nix, maxFreedBytes);
    },
    limitBytes,
    log,
  });
}
