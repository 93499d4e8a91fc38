import { layerPlanner } from '../../../functions/layer/plan/plan.ts';
import { seededRandom } from '../random.ts';
import { history } from './history.ts';
import type { PackageGraph } from './package-graph.ts';
import { restrictedTo } from './restrict-graph.ts';

export interface PlanningTime {
  readonly paths: number;
  readonly layers: number;
  /** The least of several plans. */
  readonly milliseconds: number;
}

const PATHS = 3_000;
const RUNS = 20;

/** How long it takes to plan an image of so many store paths: that of the first packages of the graph by name. */
export function measurePlanning(graph: PackageGraph): PlanningTime {
  const names: string[] = [];
  let part = restrictedTo(graph, names);
  for (const name of [...graph.byName.keys()].sort()) {
    names.push(name);
    if (names.length % 100 !== 0) continue;
    part = restrictedTo(graph, names);
    if (part.packages.length >= PATHS) break;
  }
  const closure = (history(part, 1, seededRandom(1))[0] ?? []).slice(0, PATHS);
  const { plan } = layerPlanner();
  let milliseconds = Infinity;
  let layers = 0;
  for (let round = 0; round < RUNS; round++) {
    const startMs = performance.now();
    layers = plan(closure).length;
    milliseconds = Math.min(milliseconds, performance.now() - startMs);
  }
  return { paths: closure.length, layers, milliseconds };
}
