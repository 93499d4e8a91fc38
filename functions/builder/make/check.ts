import type { NixCall } from '../../nix/nix.ts';
import type { ImageRequest } from '../image-request.ts';
import type { PackagesDenied, PackagesUnavailable } from '../outcome.ts';
import { PackageDeniedError, type PackagePolicy } from '../package-policy.ts';
import type { PackageQuery } from '../package-query.ts';
import type { PackageFinder } from '../packages/packages.ts';
import { subjectsOf } from './denial.ts';

/** Why the packages of an image are not to be had, found out without building anything; undefined where they are. */
export async function checkPackages(
  { finder, policy }: { readonly finder: PackageFinder; readonly policy: PackagePolicy | undefined },
  request: ImageRequest,
  query: PackageQuery,
  call: NixCall,
): Promise<PackagesUnavailable | PackagesDenied | undefined> {
  try {
    const found = await finder.find(query, { ...call, builds: false });
    if (found.kind !== 'packages') return found;
    const message = policy?.refusal(subjectsOf(request, found.packages));
    return message === undefined ? undefined : { kind: 'denied', message };
  } catch (error) {
    if (error instanceof PackageDeniedError) return { kind: 'denied', message: error.message };
    throw error;
  }
}
