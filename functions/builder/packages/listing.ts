import type { FoundPackage } from '../../nix/resolve/resolve.ts';
import type { ClosurePath, StorePath } from '../../nix/store-path.ts';
import { addLinkedTrees, knownTrees } from './linked-trees.ts';
import type { PackageRecord } from '../package-record.ts';
import { propagatedBy } from './propagated.ts';
import { reachable } from '../../nix/closure/closure.ts';
import type { ReadTrees } from '../package-query.ts';

/** What outputs hold, what is linked with them, and all that they refer to. */
export interface PackageListing extends Pick<PackageRecord, 'propagated' | 'trees' | 'closure'> {
  readonly one: FoundPackage;
  readonly own: StorePath[];
}

/**
 * @param closure of all of them
 * @param trees what is known already; gets what is read
 * @throws the reason of the signal, StorePathMissingError for an output that is not on this machine, UnfitForImageError for
 * one that says what cannot be
 */
export async function listOutputs(
  found: readonly FoundPackage[],
  closure: readonly ClosurePath[],
  trees: ReadTrees,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PackageListing[]> {
  const byPath = new Map(closure.map((one) => [one.path, one]));
  const listings: PackageListing[] = [];
  for (const one of found) {
    const own = one.outputs.map((output) => output.path);
    const closure = reachable(own, byPath);
    const followed = new Set(closure.map(({ path }) => path));
    const known = knownTrees(trees, signal);
    const propagated = [...(await propagatedBy(known, own, followed))];
    await addLinkedTrees(known, [...own, ...propagated], followed);
    listings.push({ one, own, propagated, closure, trees: Object.fromEntries(known.trees) });
  }
  return listings;
}
