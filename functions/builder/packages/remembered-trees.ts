import { LRUCache } from 'lru-cache';
import { entriesOf, type Tree } from '../../layer/tree.ts';
import type { ClosurePath } from '../../nix/store-path.ts';
import type { ReadTrees } from '../package-query.ts';

/** Some 5 MB. */
const MAX_ENTRIES = 50_000;
/** Longer ones take the place of many others. */
const MAX_ENTRIES_OF_TREE = 10_000;

/** Trees that this process has read on this machine. What lies at a path that has the same NAR hash is the same. */
export interface RememberedTrees {
  /** Those of a closure that are known. */
  of(closure: readonly ClosurePath[]): ReadTrees;
  /** @param closure as this machine has it @param trees read from there */
  add(closure: readonly ClosurePath[], trees: ReadTrees): void;
}

export function rememberedTrees(): RememberedTrees {
  const remembered = new LRUCache<string, Tree>({ maxSize: MAX_ENTRIES });
  const nameOf = ({ path, narHash }: ClosurePath): string => `${path} ${narHash}`;
  return {
    of(closure) {
      const trees: ReadTrees = new Map();
      for (const one of closure) {
        const tree = remembered.get(nameOf(one));
        if (tree !== undefined) trees.set(one.path, tree);
      }
      return trees;
    },
    add(closure, trees) {
      for (const one of closure) {
        const tree = trees.get(one.path);
        if (tree === undefined || remembered.has(nameOf(one))) continue;
        const size = entriesOf(tree, MAX_ENTRIES_OF_TREE + 1);
        if (size <= MAX_ENTRIES_OF_TREE) remembered.set(nameOf(one), tree, { size });
      }
    },
  };
}
