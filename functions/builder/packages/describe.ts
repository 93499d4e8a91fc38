import { existsSync } from 'node:fs';
import { type ClosureQuery, closureOf } from '../../nix/closure/closure.ts';
import type { Nix } from '../../nix/nix.ts';
import { realise } from '../../nix/realise/realise.ts';
import type { FoundPackage } from '../../nix/resolve/resolve.ts';
import { StorePathMissingError, UnfitForImageError } from '../../layer/tree.ts';
import type { ClosurePath } from '../../nix/store-path.ts';
import { listOutputs } from './listing.ts';
import { type PackageRecord, packageRecord } from '../package-record.ts';
import type { RememberedTrees } from './remembered-trees.ts';
import type { FindCall } from '../package-query.ts';

/**
 * The records of packages that Nix has found: what their outputs hold and refer to. What is not on this machine is built,
 * if anything is to be built; where not, there are no records.
 *
 * @param query opened while the packages were evaluated; it is asked once
 * @param remembered trees that need not be read again; gets those that are read
 * @throws what `realise`, `closureOf` and `listOutputs` throw; UnfitForImageError when something else was built
 */
export async function describePackages(
  nix: Nix,
  found: readonly FoundPackage[],
  query: ClosureQuery,
  remembered: RememberedTrees,
  call: FindCall,
): Promise<PackageRecord[]> {
  if (found.length === 0) return [];
  const outputs = found.flatMap((one) => one.outputs);
  const paths = [...new Set(outputs.map((output) => output.path))];
  async function built(): Promise<readonly ClosurePath[]> {
    await realise(nix, outputs, call);
    const closure = await closureOf(nix, paths, call);
    if (closure !== undefined) return closure;
    const absent = paths.find((path) => !existsSync(path)) ?? paths.join(', ');
    throw new UnfitForImageError(
      absent,
      'is not there after it was built: its package makes something else than it says',
    );
  }
  const here = await query.closureOf(paths);
  if (here === undefined && call.builds === false) return [];
  let closure = here ?? (await built());
  let trees = remembered.of(closure);
  // Reading takes this thread for a while: others begin to pack before.
  await call.whenClosure?.(closure, trees);
  const listings = await listOutputs(found, closure, trees, call).catch(async (error: unknown) => {
    if (!(error instanceof StorePathMissingError) || call.builds === false) throw error;
    // Somebody has collected it since.
    closure = await built();
    trees = remembered.of(closure);
    return listOutputs(found, closure, trees, call);
  });
  remembered.add(closure, trees);
  return listings.map(({ one, own, propagated, trees, closure }) =>
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
      closure,
    }),
  );
}
