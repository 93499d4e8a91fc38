import type { ClosurePath, StorePath } from '../nix/store-path.ts';

/** What is joined has to wait for its last path; of the others the largest first, so that the last to end is a small one. */
export function joinedThenLargest(
  groups: readonly (readonly StorePath[])[],
  pathOf: (path: StorePath) => ClosurePath,
): readonly (readonly StorePath[])[] {
  const bytesOf = (group: readonly StorePath[]): number =>
    group.reduce((total, path) => total + pathOf(path).narSizeBytes, 0);
  return groups.toSorted((a, b) => Number(b.length > 1) - Number(a.length > 1) || bytesOf(b) - bytesOf(a));
}

/** In one order, whatever that of the closure. */
export function largestFirst(paths: readonly ClosurePath[]): readonly ClosurePath[] {
  return paths.toSorted((a, b) => b.narSizeBytes - a.narSizeBytes || (a.path < b.path ? -1 : 1));
}
