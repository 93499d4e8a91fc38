import { createHash } from 'node:crypto';
import { type ClosurePath, parseStorePath } from '../../../functions/nix/store-path.ts';
import type { Random } from '../random.ts';
import type { PackageGraph } from './package-graph.ts';
import { pathNameOf } from './popularity.ts';

/** The package set in one week: a store path for each package of the graph. One that has not changed is the same object. */
export type State = readonly ClosurePath[];

/**
 * From the release of Debian 12 (2023-06-10) to the newest of its versions that the updates are counted in, or about: a
 * package with 14 updates had one every 11 weeks.
 */
const WEEKS_OF_UPDATES = 160;

/**
 * The states of the package set, one a week. Of each source package so many updates come, by chance, as it had in the
 * stable release; those of one week come together. What changes also changes all that depends on it, and what
 * everything is built with changes everything: so Nix has it.
 */
export function history(graph: PackageGraph, weeks: number, random: Random): readonly State[] {
  const { packages, updates } = graph;
  const generations = packages.map(() => 0);
  const states: State[] = [];
  for (let week = 0; week < weeks; week++) {
    const updated = new Set(
      [...updates].filter(([, count]) => random.uniform() < count / WEEKS_OF_UPDATES).map(([source]) => source),
    );
    const own = packages.map(({ sources }) => sources.some((source) => updated.has(source)));
    const all = packages.some(({ essential }, index) => essential && own[index]);
    const changed: boolean[] = [];
    const before = states.at(-1);
    const now: ClosurePath[] = [];
    packages.forEach(({ name, version, installedBytes, depends }, index) => {
      const old = before?.[index];
      changed[index] = old === undefined || all || own[index] === true || depends.some((below) => changed[below]);
      if (old !== undefined && !changed[index]) {
        now.push(old);
        return;
      }
      const generation = (generations[index] = (generations[index] ?? 0) + 1);
      const hash = createHash('sha256').update(`${name} ${generation}`).digest('hex').slice(0, 32).replaceAll('e', 'x');
      const path = parseStorePath(`/nix/store/${hash}-${pathNameOf(name, version)}`);
      if (path === undefined) throw new Error(`${name} ${version} has no store path`);
      const references = depends.map((below) => (now[below] as ClosurePath).path).sort();
      now.push({ path, narHash: hash, narSizeBytes: installedBytes, references });
    });
    states.push(now);
  }
  return states;
}
