import { type ClosurePath, type StorePath, storePathBaseName } from '../nix/store-path.ts';

/** Version of the algorithm; a part of the keys of images. */
export const PLAN_VERSION = 1;

/** Most layers of an image. Docker's overlay driver takes 128, of which it keeps some (moby, `maxDepth`). */
export const MAX_LAYERS = 100;

/** One layer, the topmost, holds the image's root. */
export const PATH_LAYER_BUDGET: number = MAX_LAYERS - 1;

/**
 * Smaller store paths get no layer of their own. A layer costs a client about 0.08 s beside its bytes (docker 20.10), in
 * which a line of 100 Mbit/s moves 1 MB; packed, store paths have 0.39 of their size (`shell/git`).
 */
export const OWN_LAYER_MIN_BYTES = 2_500_000;

/**
 * Which store paths share a layer, from the bottom to the top. The largest have a layer each, ordered so that what others
 * refer to comes first: images that share packages then share a prefix of layers, which is what docker's classic store
 * can reuse. All that is small, or beyond the budget, is the last layer.
 *
 * Every path is in exactly one group, there are at most `budget` groups, and the order of `closure` does not matter.
 *
 * @throws RangeError for a budget below one
 */
export function planLayers(
  closure: readonly ClosurePath[],
  {
    budget = PATH_LAYER_BUDGET,
    ownLayerMinBytes = OWN_LAYER_MIN_BYTES,
  }: { readonly budget?: number | undefined; readonly ownLayerMinBytes?: number | undefined } = {},
): readonly (readonly StorePath[])[] {
  if (budget < 1) throw new RangeError(`no image has ${budget} layers`);
  const paths = [...new Map(closure.map((path) => [path.path, path])).values()];
  const height = heights(paths);
  const bottomUp = (a: ClosurePath, b: ClosurePath): number =>
    (height.get(a.path) ?? 0) - (height.get(b.path) ?? 0) ||
    compare(nameOf(a.path), nameOf(b.path)) ||
    compare(a.path, b.path);

  const large = paths
    .filter(({ narSizeBytes }) => narSizeBytes >= ownLayerMinBytes)
    .sort((a, b) => b.narSizeBytes - a.narSizeBytes || compare(a.path, b.path));
  const fits = large.length === paths.length && large.length <= budget;
  const own = new Set(fits ? large : large.slice(0, budget - 1));
  const joined = paths.filter((path) => !own.has(path)).sort(bottomUp);
  const groups = [...own].sort(bottomUp).map((path) => [path]);
  if (joined.length > 0) groups.push(joined);
  return groups.map((group) => group.map(({ path }) => path));
}

/**
 * The length of the longest chain of references below each path. Nix knows no cycles but of a path with itself; should
 * there be one, what closes it does not count.
 */
function heights(paths: readonly ClosurePath[]): ReadonlyMap<StorePath, number> {
  const byPath = new Map(paths.map((path) => [path.path, path]));
  const done = new Map<StorePath, number>();
  const open = new Set<StorePath>();

  function height({ path, references }: ClosurePath): number {
    const known = done.get(path);
    if (known !== undefined) return known;
    open.add(path);
    let highest = 0;
    for (const reference of [...references].sort(compare)) {
      const below = byPath.get(reference);
      if (below && !open.has(reference)) highest = Math.max(highest, height(below) + 1);
    }
    open.delete(path);
    done.set(path, highest);
    return highest;
  }

  // In one order, so that a cycle is opened at the same place whatever the order of the closure.
  for (const path of [...paths].sort((a, b) => compare(a.path, b.path))) height(path);
  return done;
}

/** What stands behind the hash. */
function nameOf(path: StorePath): string {
  return storePathBaseName(path).slice(33);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
