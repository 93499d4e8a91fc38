import { createHash } from 'node:crypto';
import type { ClosurePath, StorePath } from '../../nix/store-path.ts';
import { type Cohort, cohorts } from './cohorts.ts';
import { nameOf, type PlannedPath, planGraph } from './graph.ts';
import { addTo, emptySet, type NumberSet } from './sets.ts';
import { GROWTH, SIZE_FLOORS } from './size-floors.ts';

/** Decides which store paths share a layer. */
export interface LayerPlanner {
  /** What decides its plans: a part of the keys of images. */
  readonly identity: Readonly<Record<string, string | number>>;
  /**
   * Which store paths share a layer, from the bottom to the top. Every path is in exactly one group, and the order of
   * `closure` does not matter.
   */
  readonly plan: (closure: readonly ClosurePath[]) => readonly (readonly StorePath[])[];
}

/** How many paths of a package set refer to a path of this name, which is what stands behind the hash. */
export type Popularity = ReadonlyMap<string, number>;

export interface LayerPlannerOptions {
  /** Most layers of an image, its root's included. */
  readonly maxLayers?: number | undefined;
  readonly popularity?: Popularity | undefined;
}

/** Version of the algorithm, with all its constants. */
const VERSION = 2;

/** Most layers of any image. Docker's overlay driver takes 128, of which it keeps some (moby, `maxDepth`). */
export const MAX_LAYERS = 100;

/** One for the root, and three for paths: what is popular, what is not, and what is large. */
export const MIN_LAYERS = 4;

/** What so many paths of a package set refer to is grouped apart: Nixery's threshold (builder/layers.go). */
const POPULAR = 100;

/** @throws RangeError for a number of layers that no image can have */
export function layerPlanner({ maxLayers = MAX_LAYERS, popularity }: LayerPlannerOptions = {}): LayerPlanner {
  if (!(maxLayers >= MIN_LAYERS && maxLayers <= MAX_LAYERS)) throw new RangeError(`no image has ${maxLayers} layers`);
  return {
    identity: {
      algorithm: 'cohorts',
      version: VERSION,
      maxLayers,
      ...(popularity && { popularity: digestOf(popularity) }),
    },
    plan(closure) {
      const graph = planGraph(closure);
      const classes = classesOf(graph, popularity);
      // The topmost layer is the root's.
      const budget = maxLayers - 1;
      let sizes = SIZE_FLOORS;
      let groups = cohorts(graph, classes, sizes);
      while (groups.length > budget) {
        sizes = { ownBytes: sizes.ownBytes * GROWTH, cohortBytes: sizes.cohortBytes * GROWTH };
        groups = cohorts(graph, classes, sizes);
      }
      return mostNeededFirst(groups).map(({ paths }) => paths);
    },
  };
}

/**
 * Images that share paths share the layers at the bottom, which is what Docker's classic store can reuse. Of groups that
 * are needed equally often the order is kept; what is left over comes last.
 */
function mostNeededFirst(groups: readonly Cohort[]): readonly Cohort[] {
  return groups.toSorted((a, b) => b.dependents - a.dependents);
}

function classesOf(graph: readonly PlannedPath[], popularity: Popularity | undefined): readonly NumberSet[] {
  const [popular, others] = [emptySet(graph.length), emptySet(graph.length)];
  graph.forEach(({ path }, number) => {
    addTo((popularity?.get(nameOf(path)) ?? 0) >= POPULAR ? popular : others, number);
  });
  return [popular, others];
}

/** In one order, whatever that of the file. */
function digestOf(popularity: Popularity): string {
  const sorted = [...popularity].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}
