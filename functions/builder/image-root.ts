import type { RootDirectory } from '../layer/root-node.ts';
import { rootTree } from '../layer/root/root.ts';
import type { ByteString, Tree } from '../layer/tree.ts';
import type { StorePath } from '../nix/store-path.ts';
import type { KnownPackage } from './package-record.ts';

/** nixpkgs' priority of a package that names none (`lib.meta.defaultPriority`). */
const DEFAULT_PRIORITY = 5;

/**
 * The image's root: what was asked for, in the order of the names, before what that propagates.
 *
 * @throws UnfitForImageError when no root can be made of them
 */
export function rootOf(packages: readonly KnownPackage[]): RootDirectory {
  const records = packages.map(({ record }) => record).sort((a, b) => (a.attributePath < b.attributePath ? -1 : 1));
  const output = (trees: Readonly<Record<StorePath, Tree>>, path: StorePath) => {
    const tree = trees[path];
    if (tree === undefined) throw new Error(`a package record has no listing of ${path}`);
    return { path, tree };
  };
  return rootTree({
    requested: records.flatMap(({ outputs, priority, trees }) =>
      outputs.map((path) => ({ ...output(trees, path), priority: priority ?? DEFAULT_PRIORITY })),
    ),
    propagated: records.flatMap(({ propagated, trees }) => propagated.map((path) => output(trees, path))),
    linked: new Map<ByteString, Tree>(records.flatMap(({ trees }) => Object.entries(trees))),
  }).root;
}
