import { dirname, relative } from 'node:path/posix';
import type { StorePath } from '../../nix/store-path.ts';
import { type DirectoryPlace, isDirectoryPlace, pathOf, type Place, placesIn } from '../place.ts';
import { type RootDirectory, rootDirectory, type RootNode } from '../root-node.ts';
import { MAX_PATH_BYTES } from '../tar.ts';
import { type ByteString, isSymlink, MAX_FOLDERS_DEEP, type Tree, UnfitForImageError } from '../tree.ts';

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
 * Entries of a root that are below links to directories. Large images have some hundred; links can make a few folders be
 * millions.
 */
const MAX_ENTRIES_BELOW_LINKS = 100_000;

/**
 * The tree of links into outputs that nixpkgs' `buildEnv` would make: what one output provides is one link, directories
 * that several provide are merged, also where they are links to directories, in the same output or in another store path.
 * Where two have something at one path, the earlier one in `outputs` wins; a directory
 * and something else do not mix. `sbin` is merged into `bin`, `lib64` into `lib`, and what is in an output's `usr` lies
 * beside it. Directories that would hold themselves for ever are links.
 *
 * @param outputs the strongest first; repetitions do not count
 * @param linked trees of other store paths, for links that lead there
 * @throws UnfitForImageError when it becomes too large
 */
export function mergeOutputs(
  outputs: readonly LinkedOutput[],
  linked: ReadonlyMap<ByteString, Tree> = new Map(),
): {
  readonly root: RootDirectory;
  readonly collisions: readonly Collision[];
} {
  const own = new Map<ByteString, Tree>();
  for (const { path, tree } of outputs) if (!own.has(path)) own.set(path, tree);
  const places = placesIn(new Map([...linked, ...own]));
  const collisions: Collision[] = [];
  /** The directories that are being merged, each in the one before, and of what. */
  const open: { readonly path: ByteString; readonly of: readonly DirectoryPlace[]; readonly isBelowLink: boolean }[] =
    [];
  let entriesBelowLinks = 0;

  /** @param above directories whose entries are being taken, each a `usr` of the one before */
  function topLevel(directory: DirectoryPlace, into: Map<ByteString, Place[]>, above: readonly ByteString[]): void {
    const path = pathOf(directory);
    if (above.includes(path)) return;
    for (const [name, place] of places.within(directory)) {
      if (NOT_LINKED.has(name) || NOT_FROM_OUTPUTS.has(name)) continue;
      const target = name === 'usr' ? places.follow(place) : undefined;
      if (isDirectoryPlace(target)) topLevel(target, into, [...above, path]);
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

    const of = [...directories.values()];
    // Only links lead back to where one has been.
    const isByLink = candidates.some(({ tree }) => isSymlink(tree));
    const same = isByLink ? open.find((one) => isSame(one.of, of)) : undefined;
    if (same) return { kind: 'symlink', target: relative(`/${dirname(path)}`, `/${same.path}`) || '.' };
    const byName = new Map<ByteString, Place[]>();
    for (const directory of of) {
      for (const [name, place] of places.within(directory)) push(byName, name, place);
    }
    open.push({ path, of, isBelowLink: isByLink || open.at(-1)?.isBelowLink === true });
    const merged = mergeAll(path, byName);
    open.pop();
    return merged;
  }

  function isTooLarge(path: ByteString): boolean {
    return (
      entriesBelowLinks > MAX_ENTRIES_BELOW_LINKS || path.length > MAX_PATH_BYTES || open.length > 2 * MAX_FOLDERS_DEEP
    );
  }

  function mergeAll(path: ByteString, byName: ReadonlyMap<ByteString, readonly Place[]>): RootDirectory {
    const merged = rootDirectory();
    for (const [name, candidates] of byName) {
      const below = path === '' ? name : `${path}/${name}`;
      const [winner] = candidates;
      if (open.at(-1)?.isBelowLink) entriesBelowLinks++;
      if (winner !== undefined && isTooLarge(below)) {
        throw new UnfitForImageError(
          pathOf(winner),
          'is led to by links in so many ways that the root of the image becomes too large. Its package has to link less',
        );
      }
      merged.entries.set(name, merge(below, candidates));
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
    return {
      kind: 'symlink',
      target: isSymlink(place.tree) && places.isStrayLink(place) ? place.tree.target : pathOf(place),
    };
  }

  const byName = new Map<ByteString, Place[]>();
  for (const [output, tree] of own) {
    const directory = places.follow({ output, below: '', tree });
    if (isDirectoryPlace(directory)) topLevel(directory, byName, []);
  }
  return { root: mergeAll('', byName), collisions };
}

function isReal(path: ByteString): boolean {
  return REAL.has(path) || REAL_AT_ALL_DEPTHS.has(path.split('/', 1)[0] ?? '');
}

function isSame(some: readonly DirectoryPlace[], others: readonly DirectoryPlace[]): boolean {
  return (
    some.length === others.length &&
    some.every((one, index) => {
      const other = others[index];
      return other !== undefined && one.tree === other.tree && pathOf(one) === pathOf(other);
    })
  );
}

function push(into: Map<ByteString, Place[]>, name: ByteString, place: Place): void {
  const there = into.get(name);
  if (there) there.push(place);
  else into.set(name, [place]);
}
