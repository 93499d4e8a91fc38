import type { StorePath } from '../../nix/store-path.ts';
import type { PlannedPath } from './graph.ts';
import { addTo, emptySet, has, inAll, type NumberSet, removeFrom } from './sets.ts';

/** From which length on store paths are worth a layer, in bytes of their NARs. */
export interface CohortSizes {
  /** A path alone. */
  readonly ownBytes: number;
  /** A path together with what it needs, as far as no other group has that. */
  readonly cohortBytes: number;
}

/** Store paths that share a layer, each after what it needs. */
export interface Cohort {
  readonly paths: readonly StorePath[];
  /** How many paths of the image need the one that needs all others here; none when there is no such path. */
  readonly dependents: number;
}

/**
 * Groups store paths so that images which have some of them in common have groups in common. Whatever image a path is in,
 * all that it needs is in it as well. So a path large enough is a group of its own; and of the others, from the smallest
 * closure to the largest, one is a group together with what it needs and no group has yet, as soon as that is worth a
 * layer. Such a group is the same in all images, but for what a smaller one has taken in some of them; and when what is
 * at its bottom changes, Nix builds all of it again.
 *
 * What is left of a class is its last group: too little for more, and something else in each image.
 *
 * @param classes which paths may be grouped with each other: each path is in one of these sets
 * @returns every path once; what is left over comes last
 */
export function cohorts(
  graph: readonly PlannedPath[],
  classes: readonly NumberSet[],
  { ownBytes, cohortBytes }: CohortSizes,
): readonly Cohort[] {
  const free = emptySet(graph.length);
  const all = emptySet(graph.length);
  const groups: Cohort[] = [];
  const group = (numbers: readonly number[], dependents: number): void => {
    for (const number of numbers) removeFrom(free, number);
    groups.push({ paths: numbers.flatMap((number) => graph[number]?.path ?? []), dependents });
  };

  graph.forEach(({ sizeBytes, dependents }, number) => {
    addTo(all, number);
    if (sizeBytes >= ownBytes) group([number], dependents);
    else addTo(free, number);
  });
  const left: (readonly number[])[] = [];
  for (const members of classes) {
    graph.forEach(({ closure, dependents }, number) => {
      if (!has(members, number)) return;
      const taken = inAll(closure, free, members);
      const bytes = taken.reduce((sum, one) => sum + (graph[one]?.sizeBytes ?? 0), 0);
      if (taken.length > 0 && bytes >= cohortBytes) group(taken, dependents);
    });
    left.push(inAll(all, free, members));
  }
  for (const rest of left) if (rest.length > 0) group(rest, 0);
  return groups;
}
