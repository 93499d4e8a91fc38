import { lstatSync } from 'node:fs';
import { readTree, StorePathMissingError, type Tree } from '../layer/tree.ts';
import { propagatedBy } from '../nix/propagated.ts';
import type { FoundPackage } from '../nix/resolve.ts';
import type { StorePath } from '../nix/store-path.ts';

/** What outputs hold, and what is linked with them. */
export interface PackageListing {
  readonly one: FoundPackage;
  readonly own: StorePath[];
  readonly propagated: StorePath[];
  readonly trees: Record<StorePath, Tree>;
}

/** Trees that were read, each as soon as it was. */
export type ReadTrees = Map<StorePath, Tree>;

/**
 * Undefined when one of them is not on this machine, or still being made. Only Nix knows whether what is there is whole.
 *
 * @param trees gets what is read
 */
export async function listIfThere(
  found: readonly FoundPackage[],
  trees: ReadTrees,
): Promise<PackageListing[] | undefined> {
  try {
    return await listOutputs(found, { trees, isDone });
  } catch (error) {
    if (error instanceof StorePathMissingError) return undefined;
    throw error;
  }
}

/** When everything in a store was modified: Nix says so of what a build has left, as it takes it over (Nix, `mtimeStore`). */
const TAKEN_OVER_MS = 1000;

function isDone(path: StorePath): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs === TAKEN_OVER_MS;
}

/**
 * @param options `isDone`: what it is false for is treated as if it were not there
 * @throws StorePathMissingError for an output that is not on this machine
 */
export async function listOutputs(
  found: readonly FoundPackage[],
  { trees = new Map(), isDone = () => true }: { trees?: ReadTrees; isDone?: (path: StorePath) => boolean } = {},
): Promise<PackageListing[]> {
  const listings: PackageListing[] = [];
  for (const one of found) {
    const own = one.outputs.map((output) => output.path);
    const propagated = [...(await propagatedBy(own))];
    for (const path of [...own, ...propagated]) {
      if (trees.has(path)) continue;
      if (!isDone(path)) throw new StorePathMissingError(path);
      trees.set(path, await readTree(path));
    }
    const entries = [...own, ...propagated].map((path) => [path, trees.get(path) as Tree]);
    listings.push({ one, own, propagated, trees: Object.fromEntries(entries) as PackageListing['trees'] });
  }
  return listings;
}
