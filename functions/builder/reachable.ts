import type { ClosurePath, StorePath } from '../nix/store-path.ts';

/** The closure of `roots` within a larger one, sorted by path. */
export function reachable(roots: readonly StorePath[], closure: ReadonlyMap<StorePath, ClosurePath>): ClosurePath[] {
  const reached = new Map<StorePath, ClosurePath>();
  const ahead = [...roots];
  for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
    if (reached.has(path)) continue;
    const one = closure.get(path);
    if (one === undefined) throw new Error(`Nix gave a closure without ${path}`);
    reached.set(path, one);
    ahead.push(...one.references);
  }
  return [...reached.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
