import { closeSync, constants, openSync, readSync } from 'node:fs';
import { pathOf, type Place, placesIn } from '../../layer/place.ts';
import { isDirectory, isSymlink, onDisk, UnfitForImageError } from '../../layer/tree.ts';
import { parseStorePath, type StorePath } from '../../nix/store-path.ts';
import type { KnownTrees } from './linked-trees.ts';

/** Where a package names what it wants beside it (nixpkgs, pkgs/stdenv/generic/setup.sh). */
const FILE = 'nix-support/propagated-user-env-packages';

/** Some ten thousand store paths. */
const MAX_BYTES = 1024 * 1024;

/**
 * The store paths that these outputs want beside them in an environment, as `buildEnv` of nixpkgs finds them: those
 * named in `nix-support/propagated-user-env-packages`, those that these name in turn, and so on, nearest first.
 * Without the outputs themselves. The trees of all of them are known afterwards.
 *
 * @param closure of the outputs: what is not in it is not in the image
 * @throws UnfitForImageError when they name something else
 */
export async function propagatedBy(
  known: KnownTrees,
  outputs: readonly StorePath[],
  closure: ReadonlySet<StorePath>,
): Promise<readonly StorePath[]> {
  const places = placesIn(known.trees);

  async function fileOf(path: StorePath): Promise<Place | undefined> {
    for (;;) {
      const found = places.at(`${path}/${FILE}`);
      if (found.kind === 'place') return isDirectory(found.place.tree) ? undefined : found.place;
      const beside = found.kind === 'unknown' ? (found.path as StorePath) : undefined;
      if (beside === undefined || !closure.has(beside)) return undefined;
      await known.add(beside);
    }
  }

  async function namedBy(path: StorePath): Promise<readonly StorePath[]> {
    const file = await fileOf(path);
    if (file === undefined) return [];
    const named = readText(file)
      .split(/\s+/)
      .flatMap((word) => parseStorePath(word) ?? []);
    const stranger = named.find((one) => !closure.has(one));
    if (stranger === undefined) return named;
    throw new UnfitForImageError(
      pathOf(file),
      `names ${stranger}, which its package does not depend on. The package has to refer to what it wants beside it`,
    );
  }

  const seen = new Set<StorePath>(outputs);
  let level: readonly StorePath[] = [...seen];
  for (const path of level) await known.add(path);
  while (level.length > 0) {
    const next: StorePath[] = [];
    for (const path of level) {
      for (const propagated of await namedBy(path)) {
        if (seen.has(propagated)) continue;
        seen.add(propagated);
        await known.add(propagated);
        next.push(propagated);
      }
    }
    level = next;
  }
  return [...seen].slice(new Set(outputs).size);
}

function readText(file: Place): string {
  const { tree } = file;
  if (isDirectory(tree) || isSymlink(tree)) throw new RangeError(`${pathOf(file)} is no file`);
  if (tree.size > MAX_BYTES) {
    throw new UnfitForImageError(pathOf(file), `has more than ${MAX_BYTES} bytes, and should be a list of store paths`);
  }
  const descriptor = openSync(onDisk(pathOf(file)), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const bytes = Buffer.alloc(tree.size);
    const got = readSync(descriptor, bytes);
    return bytes.toString('latin1', 0, got);
  } finally {
    closeSync(descriptor);
  }
}
