import { mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { StorePath } from '../store-path.ts';

/** Links that keep store paths, and all that these refer to, from being collected. A path need not be there yet. */
export interface GarbageRoots {
  add(build: string, paths: Iterable<StorePath>): Promise<void>;
  remove(build: string): Promise<void>;
}

/**
 * Roots in a folder that is theirs alone: what an earlier process left there is removed.
 *
 * @param folder below `/nix/var/nix/gcroots` (Nix manual, "Garbage Collector Roots")
 */
export async function garbageRoots(folder: string): Promise<GarbageRoots> {
  await mkdir(folder, { recursive: true });
  for (const left of await readdir(folder)) await rm(join(folder, left), { recursive: true });
  return {
    async add(build, paths) {
      const own = join(folder, build);
      await mkdir(own, { recursive: true });
      await Promise.all(
        Array.from(new Set(paths), (path) => symlink(path, join(own, basename(path))).catch(ignoreExisting)),
      );
    },
    remove: (build) => rm(join(folder, build), { recursive: true, force: true }),
  };
}

/** Of two that want the same root, one makes it. */
function ignoreExisting(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}
