import type { ClosurePath, StorePath } from '../../nix/store-path.ts';

/**
 * Layers in the order in which they are packed: the largest first, so that threads have work while the main thread does
 * what it does once, and the last to end is a small one.
 */
export function largestLayersFirst(
  groups: readonly (readonly StorePath[])[],
  pathOf: (path: StorePath) => ClosurePath,
): readonly (readonly StorePath[])[] {
  const bytesOf = (group: readonly StorePath[]): number =>
    group.reduce((total, path) => total + pathOf(path).narSizeBytes, 0);
  return groups.toSorted((a, b) => bytesOf(b) - bytesOf(a));
}

/** In one order, whatever that of the closure. */
export function largestFirst(paths: readonly ClosurePath[]): readonly ClosurePath[] {
  return paths.toSorted((a, b) => b.narSizeBytes - a.narSizeBytes || (a.path < b.path ? -1 : 1));
}
