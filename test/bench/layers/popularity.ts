import type { Popularity } from '../../../functions/layer/plan/plan.ts';
import type { PackageGraph } from './package-graph.ts';

/** How many packages refer to each, by the name that its store path has. */
export function popularityIn({ packages }: PackageGraph): Popularity {
  const counts = new Map<string, number>();
  for (const { depends } of packages) {
    for (const below of depends) {
      const { name, version } = packages[below] as PackageGraph['packages'][number];
      const key = pathNameOf(name, version);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** As `nix/debian/set/default.nix` names store paths. */
export function pathNameOf(name: string, version: string): string {
  return `${name}-${version}`.replaceAll(/[:~]/g, '-');
}
