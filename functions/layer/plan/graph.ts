import { type ClosurePath, type StorePath, storePathBaseName } from '../../nix/store-path.ts';
import { addAllTo, addTo, emptySet, type NumberSet, sizeOf } from './sets.ts';

/** A store path among those of an image. */
export interface PlannedPath {
  readonly path: StorePath;
  readonly sizeBytes: number;
  /** How many paths of the image need it, itself included. */
  readonly dependents: number;
  /** The numbers of all that it needs, and its own. */
  readonly closure: NumberSet;
}

/**
 * What needs what, among these store paths. They are numbered from the smallest closure to the largest, so that what a
 * path needs comes before it: how many paths a closure has is the same in all images.
 *
 * The order of `closure` does not matter. Nix knows no cycles but of a path with itself; should there be one, what closes
 * it does not count.
 */
export function planGraph(closure: readonly ClosurePath[]): readonly PlannedPath[] {
  const unique = [...new Map(closure.map((path) => [path.path, path])).values()].sort(byName);
  const sizes = closures(referencesOf(unique)).map(sizeOf);
  const paths = [...unique.keys()]
    .sort((a, b) => (sizes[a] ?? 0) - (sizes[b] ?? 0) || a - b)
    .flatMap((number) => unique[number] ?? []);
  const references = referencesOf(paths);
  const dependents = closures(reversed(references)).map(sizeOf);
  return closures(references).flatMap((closure, number) => {
    const path = paths[number];
    return path ? { path: path.path, sizeBytes: path.narSizeBytes, dependents: dependents[number] ?? 0, closure } : [];
  });
}

/** What stands behind the hash in a path's name: it stays when the path is built again. */
export function nameOf(path: StorePath): string {
  return storePathBaseName(path).slice(33);
}

type Edges = readonly (readonly number[])[];

function referencesOf(paths: readonly ClosurePath[]): Edges {
  const numbers = new Map(paths.map(({ path }, number) => [path, number]));
  return paths.map(({ references }) =>
    references
      .map((reference) => numbers.get(reference))
      .filter((number) => number !== undefined)
      .sort((a, b) => a - b),
  );
}

function reversed(edges: Edges): Edges {
  const result: number[][] = edges.map(() => []);
  edges.forEach((targets, number) => {
    for (const target of targets) result[target]?.push(number);
  });
  return result;
}

/** For each number, all that can be reached from it, and itself. */
function closures(edges: Edges): readonly NumberSet[] {
  const sets: (NumberSet | undefined)[] = edges.map(() => undefined);
  // Without recursion: chains of references can be longer than the call stack allows.
  for (let start = 0; start < edges.length; start++) {
    const open = sets[start] === undefined ? [{ number: start, next: 0 }] : [];
    const isOpen = new Set([start]);
    for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
      const targets = edges[last.number] ?? [];
      const target = targets[last.next++];
      if (target !== undefined) {
        if (sets[target] !== undefined || isOpen.has(target)) continue;
        open.push({ number: target, next: 0 });
        isOpen.add(target);
        continue;
      }
      const set = emptySet(edges.length);
      addTo(set, last.number);
      for (const each of targets) {
        const below = sets[each];
        if (below !== undefined) addAllTo(set, below);
      }
      sets[last.number] = set;
      open.pop();
    }
  }
  return sets.filter((set) => set !== undefined);
}

function byName({ path: a }: ClosurePath, { path: b }: ClosurePath): number {
  return compare(nameOf(a), nameOf(b)) || compare(a, b);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
