import { type ClosureQuery, closureOf } from '../nix/closure.ts';
import type { Nix, NixCall } from '../nix/nix.ts';
import { realise } from '../nix/realise.ts';
import type { FoundPackage } from '../nix/resolve.ts';
import type { ClosurePath } from '../nix/store-path.ts';
import { listIfThere, listOutputs, type ReadTrees } from './package-listing.ts';
import { type PackageRecord, packageRecord } from './package-record.ts';
import { reachable } from './reachable.ts';

export type FindCall = NixCall & {
  /** Called when there is something that Nix has to be asked about. */
  readonly whenAsked?: (() => void) | undefined;
  /**
   * Called with the closure of what had to be evaluated, whole on this machine, while its records are still written, and
   * with the trees that were read of it, to which others are added.
   */
  readonly whenClosure?: ((closure: readonly ClosurePath[], trees: ReadTrees) => Promise<void>) | undefined;
};

/**
 * The records of packages that Nix has found: what their outputs hold and refer to. What is not on this machine is built.
 *
 * @param query opened while the packages were evaluated; it is asked once
 * @throws what `realise` and `closureOf` throw
 */
export async function describePackages(
  nix: Nix,
  found: readonly FoundPackage[],
  query: ClosureQuery,
  call: FindCall,
): Promise<PackageRecord[]> {
  if (found.length === 0) return [];
  const outputs = found.flatMap((one) => one.outputs);
  const paths = [...new Set(outputs.map((output) => output.path))];
  let trees: ReadTrees = new Map();
  const told = async (whole: readonly ClosurePath[] | undefined) => {
    if (whole !== undefined) await call.whenClosure?.(whole, trees);
    return whole;
  };
  // What is on this machine is read while Nix says whether all of it is whole.
  let [closure, listings] = await Promise.all([query.closureOf(paths).then(told), listIfThere(found, trees)]);
  if (closure === undefined || listings === undefined) {
    await realise(nix, outputs, call);
    trees = new Map();
    closure = await told(await closureOf(nix, paths, call));
    if (closure === undefined) throw new Error(`Nix built ${paths.join(', ')} and does not have it`);
    listings = await listOutputs(found, { trees });
  }
  const byPath = new Map(closure.map((one) => [one.path, one]));
  return listings.map(({ one, own, propagated, trees }) =>
    packageRecord({
      attribute: one.attribute,
      attributePath: one.attributePath,
      name: one.name,
      packageVersion: one.version,
      mainProgram: one.mainProgram,
      priority: one.priority,
      outputs: own,
      propagated,
      trees,
      closure: reachable(own, byPath),
    }),
  );
}
