import type { ClosurePath, StorePath } from '../../../../functions/nix/store-path.ts';

/**
 * Immediate dominators of a graph's nodes, from the one above all roots.
 *
 * @returns for each path the path that all ways from above lead through; undefined where there is none
 * @see K. Cooper, T. Harvey and K. Kennedy, "A Simple, Fast Dominance Algorithm" (2001)
 */
export function immediateDominators(
  closure: readonly ClosurePath[],
  roots: ReadonlySet<StorePath>,
): ReadonlyMap<StorePath, StorePath | undefined> {
  const byPath = new Map(closure.map((path) => [path.path, path]));
  const TOP = 0;
  const order: (StorePath | undefined)[] = [];
  const done = new Set<StorePath>();
  const visit = (path: StorePath): void => {
    if (done.has(path)) return;
    done.add(path);
    for (const reference of byPath.get(path)?.references ?? []) if (byPath.has(reference)) visit(reference);
    order.push(path);
  };
  for (const root of [...roots].sort()) visit(root);
  // From the top down; the node above all roots is the first.
  const nodes = [undefined, ...order.reverse()];
  const numbers = new Map(nodes.map((path, number) => [path, number]));
  const above: number[][] = nodes.map(() => []);
  for (const root of roots) above[numbers.get(root) ?? TOP]?.push(TOP);
  for (const path of nodes) {
    for (const reference of (path && byPath.get(path)?.references) ?? []) {
      const number = numbers.get(reference);
      if (number !== undefined) above[number]?.push(numbers.get(path) ?? TOP);
    }
  }
  const dominator: (number | undefined)[] = nodes.map((_, number) => (number === TOP ? TOP : undefined));
  const common = (one: number, other: number): number => {
    let [a, b] = [one, other];
    while (a !== b) {
      while (a > b) a = dominator[a] ?? TOP;
      while (b > a) b = dominator[b] ?? TOP;
    }
    return a;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (let number = 1; number < nodes.length; number++) {
      const known = (above[number] ?? []).filter((one) => dominator[one] !== undefined);
      const next = known.reduce((a, b) => common(a, b), known[0] ?? TOP);
      if (dominator[number] !== next) {
        dominator[number] = next;
        changed = true;
      }
    }
  }
  return new Map(order.map((path) => [path as StorePath, nodes[dominator[numbers.get(path) ?? TOP] ?? TOP]]));
}
