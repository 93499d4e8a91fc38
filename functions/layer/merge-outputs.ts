import type { StorePath } from '../nix/store-path.ts';
import { type DirectoryPlace, isDirectoryPlace, type Place, placesIn } from './place.ts';
import { type RootDirectory, rootDirectory, type RootNode } from './root-node.ts';
import { type ByteString, isSymlink, type Tree } from './tree.ts';

/** An output whose files are to be in the image's root. */
export interface LinkedOutput {
  readonly path: StorePath;
  readonly tree: Tree;
}

/** Two outputs have something at one path, and one of them is not seen there. */
export interface Collision {
  /** In the image, without a slash in front. */
  readonly path: ByteString;
  readonly winner: ByteString;
  readonly loser: ByteString;
}

/** For Nix's own use: `buildEnv` (nixpkgs, builder.pl) does not link them either. */
const NOT_LINKED = new Set(['nix-support', 'propagated-build-inputs']);

/** These belong to the system or to the machine that runs the image. */
const NOT_FROM_OUTPUTS = new Set(['nix', 'dev', 'proc', 'sys', 'tmp']);

/** One place for what others keep in two: the image's root has a link from the first to the second. */
const SAME_AS = new Map([
  ['sbin', 'bin'],
  ['lib64', 'lib'],
]);

/** Directories that stay directories although one output provides them: the image adds to them, its user does, or what is in them decides the environment. */
const REAL = new Set(['bin', 'lib/locale']);

/** The same, with all directories below: programs and people write there. */
const REAL_AT_ALL_DEPTHS = new Set(['etc', 'var', 'opt', 'srv', 'home', 'root', 'run']);

/**
 * The tree of links into outputs that nixpkgs' `buildEnv` would make: what one output provides is one link, directories
 * that several provide are merged. Where two have something at one path, the earlier one in `outputs` wins; a directory
 * and something else do not mix. `sbin` is merged into `bin`, `lib64` into `lib`, and what is in an output's `usr` lies
 * beside it.
 *
 * @param outputs the strongest first; repetitions do not count
 */
export function mergeOutputs(outputs: readonly LinkedOutput[]): {
  readonly root: RootDirectory;
  readonly collisions: readonly Collision[];
} {
  const trees = new Map<ByteString, Tree>();
  for (const { path, tree } of outputs) if (!trees.has(path)) trees.set(path, tree);
  const places = placesIn(trees);
  const collisions: Collision[] = [];

  function topLevel(directory: DirectoryPlace, into: Map<ByteString, Place[]>): void {
    for (const [name, place] of places.within(directory)) {
      const target = places.follow(place);
      if (NOT_LINKED.has(name) || NOT_FROM_OUTPUTS.has(name)) continue;
      if (name === 'usr' && isDirectoryPlace(target)) topLevel(target, into);
      else push(into, SAME_AS.get(name) ?? name, place);
    }
  }

  function merge(path: ByteString, candidates: readonly Place[]): RootNode {
    const [winner] = candidates;
    if (winner === undefined) throw new RangeError(`nothing provides ${path}`);
    if (!isDirectoryPlace(places.follow(winner))) {
      collide(path, winner, candidates.slice(1));
      return linkTo(winner);
    }
    const directories = new Map<string, DirectoryPlace>();
    for (const candidate of candidates) {
      const target = places.follow(candidate);
      if (isDirectoryPlace(target)) directories.set(pathOf(target), target);
      else collide(path, winner, [candidate]);
    }
    const [only, ...others] = directories.values();
    if (only && others.length === 0 && !isReal(path) && !places.hasStrayLinks(only)) return linkTo(winner);

    const byName = new Map<ByteString, Place[]>();
    for (const directory of directories.values()) {
      for (const [name, place] of places.within(directory)) push(byName, name, place);
    }
    return mergeAll(path, byName);
  }

  function mergeAll(path: ByteString, byName: ReadonlyMap<ByteString, readonly Place[]>): RootDirectory {
    const merged = rootDirectory();
    for (const [name, candidates] of byName) {
      merged.entries.set(name, merge(path === '' ? name : `${path}/${name}`, candidates));
    }
    return merged;
  }

  function collide(path: ByteString, winner: Place, losers: readonly Place[]): void {
    const seen = pathOf(places.follow(winner) ?? winner);
    for (const loser of losers) {
      // Two names of one thing take nothing from each other.
      if (pathOf(places.follow(loser) ?? loser) === seen) continue;
      collisions.push({ path, winner: pathOf(winner), loser: pathOf(loser) });
    }
  }

  function linkTo(place: Place): RootNode {
    // A relative link that leads out of its output is meant for the merged tree, where others provide what it names.
    const isStray = isSymlink(place.tree) && !place.tree.target.startsWith('/') && places.follow(place) === undefined;
    return { kind: 'symlink', target: isStray && isSymlink(place.tree) ? place.tree.target : pathOf(place) };
  }

  const byName = new Map<ByteString, Place[]>();
  for (const [output, tree] of trees) {
    const directory = places.follow({ output, below: '', tree });
    if (isDirectoryPlace(directory)) topLevel(directory, byName);
  }
  return { root: mergeAll('', byName), collisions };
}

function isReal(path: ByteString): boolean {
  return REAL.has(path) || REAL_AT_ALL_DEPTHS.has(path.split('/', 1)[0] ?? '');
}

function pathOf({ output, below }: Place): ByteString {
  return `${output}${below}`;
}

function push(into: Map<ByteString, Place[]>, name: ByteString, place: Place): void {
  const there = into.get(name);
  if (there) there.push(place);
  else into.set(name, [place]);
}
