import type { PackageGraph } from './package-graph.ts';

/** What these packages need, and what everything is built with: the rest has no part in what is simulated. */
export function restrictedTo(graph: PackageGraph, names: readonly string[]): PackageGraph {
  const { packages, byName, updates } = graph;
  const kept = new Set<number>();
  const open = [
    ...names.map((name) => {
      const index = byName.get(name);
      if (index === undefined) throw new Error(`there is no package ${name}`);
      return index;
    }),
    ...packages.flatMap(({ essential }, index) => (essential ? [index] : [])),
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (kept.has(next)) continue;
    kept.add(next);
    open.push(...(packages[next]?.depends ?? []));
  }
  const order = [...kept].sort((a, b) => a - b);
  const positions = new Map(order.map((old, position) => [old, position]));
  const at = (old: number): number[] => {
    const position = positions.get(old);
    return position === undefined ? [] : [position];
  };
  const left = order.map((old) => packages[old] as PackageGraph['packages'][number]);
  const sources = new Set(left.flatMap((one) => one.sources));
  return {
    ...graph,
    packages: left.map((one) => ({ ...one, depends: one.depends.flatMap(at) })),
    byName: new Map([...byName].flatMap(([name, old]) => at(old).map((position) => [name, position] as const))),
    updates: new Map([...updates].filter(([source]) => sources.has(source))),
  };
}
