import { readTree, type Tree } from '../layer/tree.ts';
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

/** Trees that are known, each as soon as it is. */
export type ReadTrees = Map<StorePath, Tree>;

/**
 * @param trees what is known already; gets what is read
 * @throws the reason of the signal, StorePathMissingError for an output that is not on this machine
 */
export async function listOutputs(
  found: readonly FoundPackage[],
  trees: ReadTrees,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PackageListing[]> {
  const listings: PackageListing[] = [];
  for (const one of found) {
    const own = one.outputs.map((output) => output.path);
    const propagated = [...(await propagatedBy(own))];
    for (const path of [...own, ...propagated]) {
      if (!trees.has(path)) trees.set(path, await readTree(path, { signal }));
    }
    const entries = [...own, ...propagated].map((path) => [path, trees.get(path) as Tree]);
    listings.push({ one, own, propagated, trees: Object.fromEntries(entries) as PackageListing['trees'] });
  }
  return listings;
}
