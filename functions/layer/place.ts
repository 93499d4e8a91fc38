import { type ByteString, type Directory, isDirectory, isSymlink, type Tree } from './tree.ts';

/** A place in an output: `${output}${below}` is its path. */
export interface Place {
  readonly output: ByteString;
  /** Empty for the output itself, else `/bin/hello`. No component of it is a symbolic link, but for the last. */
  readonly below: ByteString;
  readonly tree: Tree;
}

export type DirectoryPlace = Place & { readonly tree: Directory };

/** Links that lead to links are followed this often, as Linux does (path_resolution(7)). */
const MAX_LINKS = 40;

/** Finds places in the outputs whose trees are known. */
export interface Places {
  /** Where a place leads when its links are followed: undefined when that is in none of the outputs, or nothing is there. */
  follow(place: Place): Place | undefined;
  /** What is directly in a directory, in order. */
  within(directory: DirectoryPlace): Iterable<readonly [name: ByteString, place: Place]>;
  /** Whether a relative link below this directory, at any depth, leads to nothing in its own output. */
  hasStrayLinks(directory: DirectoryPlace): boolean;
}

export function isDirectoryPlace(place: Place | undefined): place is DirectoryPlace {
  return place !== undefined && isDirectory(place.tree);
}

/** @param outputs the trees of outputs, by their store paths */
export function placesIn(outputs: ReadonlyMap<ByteString, Tree>): Places {
  const children = new WeakMap<Directory, ReadonlyMap<ByteString, Tree>>();
  const stray = new WeakMap<Directory, boolean>();

  function child(directory: Directory, name: ByteString): Tree | undefined {
    let byName = children.get(directory);
    if (byName === undefined) {
      byName = new Map(directory.entries);
      children.set(directory, byName);
    }
    return byName.get(name);
  }

  function follow(place: Place): Place | undefined {
    if (!isSymlink(place.tree)) return place;
    let output = place.output;
    const above: Tree[] = [];
    const names: ByteString[] = [];
    const ahead = place.below.split('/').reverse();
    const enter = (path: ByteString): boolean => {
      const tree = outputs.get(path);
      output = path;
      above.length = names.length = 0;
      if (tree !== undefined) above.push(tree);
      return tree !== undefined;
    };
    if (!enter(output)) return undefined;
    for (let links = 0; ahead.length > 0;) {
      const name = ahead.pop();
      if (name === undefined || name === '' || name === '.') continue;
      if (name === '..') {
        if (names.length === 0) return undefined;
        above.pop();
        names.pop();
        continue;
      }
      const directory = above.at(-1);
      const tree = directory && isDirectory(directory) ? child(directory, name) : undefined;
      if (tree === undefined) return undefined;
      if (!isSymlink(tree)) {
        above.push(tree);
        names.push(name);
        continue;
      }
      if (++links > MAX_LINKS) return undefined;
      const absolute = /^(\/nix\/store\/[^/]+)(.*)$/s.exec(tree.target);
      if (absolute !== null) {
        if (!enter(absolute[1] ?? '')) return undefined;
        ahead.push(...(absolute[2] ?? '').split('/').reverse());
      } else if (tree.target.startsWith('/')) return undefined;
      else ahead.push(...tree.target.split('/').reverse());
    }
    const tree = above.at(-1);
    return tree && { output, below: names.map((name) => `/${name}`).join(''), tree };
  }

  function* within({ output, below, tree }: DirectoryPlace): Generator<readonly [ByteString, Place], void, void> {
    for (const [name, one] of tree.entries) yield [name, { output, below: `${below}/${name}`, tree: one }];
  }

  function hasStrayLinks(directory: DirectoryPlace): boolean {
    let found = stray.get(directory.tree);
    if (found === undefined) {
      found = false;
      for (const [, place] of within(directory)) {
        if (isDirectoryPlace(place) ? hasStrayLinks(place) : isStrayLink(place)) {
          found = true;
          break;
        }
      }
      stray.set(directory.tree, found);
    }
    return found;
  }

  function isStrayLink(place: Place): boolean {
    return isSymlink(place.tree) && !place.tree.target.startsWith('/') && follow(place) === undefined;
  }

  return { follow, within, hasStrayLinks };
}
