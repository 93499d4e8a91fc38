import { type ByteString, type Directory, isDirectory, isSymlink, type Tree } from './tree.ts';

/** A place in a store path: `${output}${below}` is its path. */
export interface Place {
  readonly output: ByteString;
  /** Empty for the store path itself, else `/bin/hello`. No component of it is a symbolic link, but for the last. */
  readonly below: ByteString;
  readonly tree: Tree;
}

export type DirectoryPlace = Place & { readonly tree: Directory };

/** Where links lead to. */
export type Trace =
  | { readonly kind: 'place'; readonly place: Place }
  /** Into a store path whose tree is not known. */
  | { readonly kind: 'unknown'; readonly path: ByteString }
  /** To nothing, in a circle, or out of the store. */
  | { readonly kind: 'nowhere' };

/** Links that lead to links are followed this often, as Linux does (path_resolution(7)). */
const MAX_LINKS = 40;

const STORE = ['nix', 'store'] as const;
const NOWHERE: Trace = { kind: 'nowhere' };

/** Finds places in the store paths whose trees are known. */
export interface Places {
  /** What is at a path, links followed. */
  at(path: ByteString): Trace;
  /** Where a place leads when its links are followed. */
  trace(place: Place): Trace;
  /** The same: undefined when that is in none of the trees, or nothing is there. */
  follow(place: Place): Place | undefined;
  /** What is directly in a directory, in order. */
  within(directory: DirectoryPlace): Iterable<readonly [name: ByteString, place: Place]>;
  /** Whether this is a relative link that leads to nothing. */
  isStrayLink(place: Place): boolean;
  /** Whether there is one below this directory, at any depth. */
  hasStrayLinks(directory: DirectoryPlace): boolean;
}

export function isDirectoryPlace(place: Place | undefined): place is DirectoryPlace {
  return place !== undefined && isDirectory(place.tree);
}

export function pathOf({ output, below }: Place): ByteString {
  return `${output}${below}`;
}

/** @param trees what lies at store paths; others may be added while this is used */
export function placesIn(trees: ReadonlyMap<ByteString, Tree>): Places {
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

  function trace(place: Place): Trace {
    return isSymlink(place.tree) ? at(pathOf(place)) : { kind: 'place', place };
  }

  function at(path: ByteString): Trace {
    /** Components of the path that was walked, from the file system's root. */
    const names: ByteString[] = [];
    /** What is at them, from the store path on. */
    const above: Tree[] = [];
    const ahead = path.split('/').reverse();
    for (let links = 0; ahead.length > 0;) {
      const name = ahead.pop();
      if (name === undefined || name === '' || name === '.') continue;
      const inside = above.at(-1);
      if (inside !== undefined && !isDirectory(inside)) return NOWHERE;
      if (name === '..') {
        names.pop();
        if (names.length >= STORE.length) above.pop();
        continue;
      }
      let tree: Tree | undefined;
      if (names.length < STORE.length) {
        if (name !== STORE[names.length]) return NOWHERE;
        names.push(name);
        continue;
      }
      if (names.length === STORE.length) {
        const path = `/${STORE.join('/')}/${name}`;
        tree = trees.get(path);
        if (tree === undefined) return { kind: 'unknown', path };
      } else {
        tree = inside && child(inside, name);
        if (tree === undefined) return NOWHERE;
      }
      if (!isSymlink(tree)) {
        names.push(name);
        above.push(tree);
        continue;
      }
      if (++links > MAX_LINKS) return NOWHERE;
      if (tree.target.startsWith('/')) names.length = above.length = 0;
      ahead.push(...tree.target.split('/').reverse());
    }
    const tree = above.at(-1);
    if (tree === undefined) return NOWHERE;
    const [first, second, output, ...below] = names;
    return {
      kind: 'place',
      place: {
        output: `/${first}/${second}/${output}`,
        below: below.map((name) => `/${name}`).join(''),
        tree,
      },
    };
  }

  function follow(place: Place): Place | undefined {
    if (!isSymlink(place.tree)) return place;
    const traced = trace(place);
    return traced.kind === 'place' ? traced.place : undefined;
  }

  function* within({ output, below, tree }: DirectoryPlace): Generator<readonly [ByteString, Place], void, void> {
    for (const [name, one] of tree.entries) yield [name, { output, below: `${below}/${name}`, tree: one }];
  }

  function isStrayLink(place: Place): boolean {
    return isSymlink(place.tree) && !place.tree.target.startsWith('/') && trace(place).kind === 'nowhere';
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

  return { at, trace, follow, within, isStrayLink, hasStrayLinks };
}
