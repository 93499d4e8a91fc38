import type { ClosurePath, StorePath } from '../../../../functions/nix/store-path.ts';

/**
 * dockerTools': the most popular paths have a layer each, the rest is the last one. A path is the more popular the more
 * ways from above lead to it.
 *
 * @see nixpkgs, pkgs/build-support/references-by-popularity/closure-graph.py: the popularity of a path is that of all
 *   that refer to it, and one for each of them
 */
export function dockerToolsPlan(closure: readonly ClosurePath[], budget: number): readonly (readonly StorePath[])[] {
  const byPath = new Map(closure.map((path) => [path.path, path]));
  const referred = new Set(closure.flatMap(({ references }) => references));
  const popularity = new Map<StorePath, number>();
  // It walks the tree that the graph unfolds to, which counts ways; so does this, without walking each way.
  for (const path of topDown(closure)) {
    const own = (popularity.get(path) ?? 0) + (referred.has(path) ? 0 : 1);
    popularity.set(path, own);
    for (const reference of byPath.get(path)?.references ?? []) {
      popularity.set(reference, (popularity.get(reference) ?? 0) + own + 1);
    }
  }
  const paths = closure
    .map(({ path }) => path)
    .sort((a, b) => (popularity.get(b) ?? 0) - (popularity.get(a) ?? 0) || (a.slice(44) < b.slice(44) ? -1 : 1));
  if (paths.length <= budget) return paths.map((path) => [path]);
  return [...paths.slice(0, budget - 1).map((path) => [path]), paths.slice(budget - 1)];
}

function topDown(closure: readonly ClosurePath[]): StorePath[] {
  const byPath = new Map(closure.map((path) => [path.path, path]));
  const done = new Set<StorePath>();
  const order: StorePath[] = [];
  const visit = (path: StorePath): void => {
    if (done.has(path)) return;
    done.add(path);
    for (const reference of byPath.get(path)?.references ?? []) visit(reference);
    order.push(path);
  };
  for (const path of [...byPath.keys()].sort()) visit(path);
  return order.reverse();
}
