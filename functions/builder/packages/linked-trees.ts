import { statSync } from 'node:fs';
import { isDirectoryPlace, pathOf, type Place, placesIn } from '../../layer/place.ts';
import { localSource, readTree } from '../../layer/source/source.ts';
import { type ByteString, type Directory, isDirectory, isSymlink, onDisk, type Tree } from '../../layer/tree.ts';
import type { StorePath } from '../../nix/store-path.ts';

/** The trees that a package's part of a root is made of. */
export interface KnownTrees {
  /** By their store paths. */
  readonly trees: ReadonlyMap<ByteString, Tree>;
  /** Makes one more be known. */
  add(path: StorePath): Promise<Tree>;
}

/** @param read trees that were read already; gets those that are read */
export function knownTrees(read: Map<StorePath, Tree>, signal: AbortSignal | undefined): KnownTrees {
  const trees = new Map<ByteString, Tree>();
  return {
    trees,
    async add(path) {
      const tree = read.get(path) ?? (await readTree(localSource(path), { signal }));
      read.set(path, tree);
      trees.set(path, tree);
      return tree;
    },
  };
}

/**
 * Makes known what lies in the store paths to whose directories links lead, from `roots` or from there on: a directory that
 * is such a link may be merged with other packages'. A link to a file is a link to a file, whatever lies beside that.
 *
 * @param closure what may be followed: all that is in the image
 */
export async function addLinkedTrees(
  known: KnownTrees,
  roots: readonly StorePath[],
  closure: ReadonlySet<StorePath>,
): Promise<void> {
  const places = placesIn(known.trees);
  const isRoot = new Set<ByteString>(roots);
  const seen = new Set<Directory>();
  const waiting: Place[] = roots.flatMap((output) => {
    const tree = known.trees.get(output);
    return tree === undefined ? [] : [{ output, below: '', tree }];
  });

  async function follow(place: Place): Promise<Place | undefined> {
    for (;;) {
      const traced = places.trace(place);
      if (traced.kind === 'place') return traced.place;
      if (traced.kind === 'nowhere') return undefined;
      const path = traced.path as StorePath;
      if (!closure.has(path) || !leadsToDirectory(place)) return undefined;
      await known.add(path);
    }
  }

  /** Every directory of a root is looked at: links that stay among them lead to nothing more. */
  function staysInRoot({ output, below, tree }: Place): boolean {
    return (
      isSymlink(tree) && below !== '' && isRoot.has(output) && /^(?!\/|\.\.(\/|$))(?!.*\/\.\.(\/|$))/s.test(tree.target)
    );
  }

  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (staysInRoot(place)) continue;
    const target = await follow(place);
    if (!isDirectoryPlace(target) || seen.has(target.tree)) continue;
    seen.add(target.tree);
    for (const [, child] of places.within(target)) {
      if (isDirectory(child.tree) || isSymlink(child.tree)) waiting.push(child);
    }
  }
}

/** On this machine. Where that says more than the trees do, a link leads out of the store: that is found out when they are read. */
function leadsToDirectory(place: Place): boolean {
  try {
    return statSync(onDisk(pathOf(place))).isDirectory();
  } catch {
    // A link to nothing, to itself, or to what this process may not look at: no directory of the image.
    return false;
  }
}
