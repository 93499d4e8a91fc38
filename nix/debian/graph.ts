/**
 * The strongly connected components of a graph, each sorted by name, dependencies before what depends on them.
 *
 * @see R. Tarjan, "Depth-first search and linear graph algorithms" (1972). Written without recursion: chains of
 *   dependencies are longer than the call stack allows.
 */
export function components(edges: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const onStack = new Set<string>();
  const stack: string[] = [];
  const found: string[][] = [];

  function enter(node: string): { node: string; next: number } {
    index.set(node, index.size);
    low.set(node, index.size - 1);
    stack.push(node);
    onStack.add(node);
    return { node, next: 0 };
  }
  function lower(node: string, value: number | undefined): void {
    const known = low.get(node);
    if (known !== undefined && value !== undefined && value < known) low.set(node, value);
  }

  for (const start of edges.keys()) {
    if (index.has(start)) continue;
    const calls = [enter(start)];
    for (let call = calls.at(-1); call !== undefined; call = calls.at(-1)) {
      const { node } = call;
      const target = edges.get(node)?.[call.next++];
      if (target !== undefined) {
        if (!index.has(target)) calls.push(enter(target));
        else if (onStack.has(target)) lower(node, index.get(target));
        continue;
      }
      calls.pop();
      const caller = calls.at(-1);
      if (caller !== undefined) lower(caller.node, low.get(node));
      if (low.get(node) !== index.get(node)) continue;
      const component = stack.splice(stack.lastIndexOf(node));
      for (const member of component) onStack.delete(member);
      found.push(component.sort());
    }
  }
  return found;
}

/** A node and everything that can be reached from it. */
export function reachable(edges: ReadonlyMap<string, readonly string[]>, start: string): ReadonlySet<string> {
  const seen = new Set([start]);
  for (const node of seen) for (const next of edges.get(node) ?? []) seen.add(next);
  return seen;
}
