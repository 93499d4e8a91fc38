import { type ClosurePath, type StorePath, storePathBaseName } from '../../../../functions/nix/store-path.ts';
import { immediateDominators } from './dominators.ts';

/** Above these, a path is no part of the layer of the path that dominates it. */
const MIN_POPULARITY = 100;
const MIN_BYTES = 100_000_000;

/** More than anything else has. */
const ALWAYS_POPULARITY = 500_000;

/**
 * Nixery's: the subtrees of the dominator tree that hang on the image itself, on what is popular and on what is large;
 * what has the least of popularity times size is merged until there are few enough.
 *
 * Sizes are those of closures throughout, in its sums as well, as Nix gives them to it.
 *
 * @param popularity how many packages of the set refer to a path of this name
 * @see github.com/tazjin/nixery, builder/layers.go
 */
export function nixeryPlan(
  closure: readonly ClosurePath[],
  budget: number,
  popularity: ReadonlyMap<string, number>,
): readonly (readonly StorePath[])[] {
  const closureBytes = closureSizes(closure);
  const popularityOf = (path: StorePath): number => {
    const name = storePathBaseName(path).slice(33);
    if (name.startsWith('ca-certificates') || name.startsWith('netbase')) return ALWAYS_POPULARITY;
    return popularity.get(name) ?? 1;
  };
  const referred = new Set(closure.flatMap(({ references }) => references));
  const roots = new Set(
    closure
      .map(({ path }) => path)
      .filter(
        (path) =>
          !referred.has(path) || popularityOf(path) >= MIN_POPULARITY || (closureBytes.get(path) ?? 0) > MIN_BYTES,
      ),
  );
  const dominators = immediateDominators(closure, roots);
  const topOf = (path: StorePath): StorePath => {
    let top = path;
    for (let above = dominators.get(top); above !== undefined; above = dominators.get(top)) top = above;
    return top;
  };
  const groups = new Map<StorePath, StorePath[]>();
  for (const { path } of closure) {
    const top = topOf(path);
    const group = groups.get(top);
    if (group === undefined) groups.set(top, [path]);
    else group.push(path);
  }
  let layers = [...groups].map(([top, contents]) => ({
    contents: contents.sort(),
    rating: popularityOf(top) * contents.reduce((sum, path) => sum + (closureBytes.get(path) ?? 0), 0),
  }));
  const order = (a: (typeof layers)[number], b: (typeof layers)[number]): number =>
    a.rating - b.rating || ((a.contents[0] ?? '') < (b.contents[0] ?? '') ? -1 : 1);
  layers.sort(order);
  while (layers.length > budget) {
    const [a, b, ...rest] = layers;
    if (a === undefined || b === undefined) break;
    layers = [{ contents: [...a.contents, ...b.contents], rating: a.rating + b.rating }, ...rest];
  }
  // In the order of their ratings, the least first, as Nixery has them.
  return layers.map(({ contents }) => contents);
}

function closureSizes(closure: readonly ClosurePath[]): ReadonlyMap<StorePath, number> {
  const byPath = new Map(closure.map((path) => [path.path, path]));
  const sizes = new Map<StorePath, number>();
  for (const { path } of closure) {
    const seen = new Set([path]);
    let bytes = 0;
    for (const one of seen) {
      const known = byPath.get(one);
      bytes += known?.narSizeBytes ?? 0;
      for (const reference of known?.references ?? []) seen.add(reference);
    }
    sizes.set(path, bytes);
  }
  return sizes;
}
