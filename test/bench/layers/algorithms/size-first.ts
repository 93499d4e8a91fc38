import type { ClosurePath, StorePath } from '../../../../functions/nix/store-path.ts';
import { planGraph } from '../../../../functions/layer/plan/graph.ts';

/** The largest paths have a layer each, from a size on and as far as the budget goes; all others are the last one. */
export function sizeFirstPlan(
  closure: readonly ClosurePath[],
  budget: number,
  minBytes: number,
): readonly (readonly StorePath[])[] {
  const bottomUp = planGraph(closure);
  const large = bottomUp
    .filter(({ sizeBytes }) => sizeBytes >= minBytes)
    .sort((a, b) => b.sizeBytes - a.sizeBytes || (a.path < b.path ? -1 : 1));
  const fits = large.length === bottomUp.length && large.length <= budget;
  const own = new Set(fits ? large : large.slice(0, budget - 1));
  const joined = bottomUp.filter((path) => !own.has(path));
  const groups = bottomUp.filter((path) => own.has(path)).map(({ path }) => [path]);
  return joined.length > 0 ? [...groups, joined.map(({ path }) => path)] : groups;
}
