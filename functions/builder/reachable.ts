import type { ClosurePath, StorePath } from '../nix/store-path.ts';

/** All paths of these closures, sorted. Where two say different things of a path, the first is right. */
export function unionOf(closures: readonly (readonly ClosurePath[])[]): ClosurePath[] {
  const union = new Map<StorePath, ClosurePath>();
  for (const closure of closures) {
    for (const one of closure) if (!union.has(one.path)) union.set(one.path, one);
  }
  return sorted(union);
}

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
  return sorted(reached);
}

function sorted(closure: ReadonlyMap<StorePath, ClosurePath>): ClosurePath[] {
  return [...closure.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
