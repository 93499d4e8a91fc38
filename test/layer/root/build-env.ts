import { isDirectory, isSymlink, type ByteString, type Tree } from '../../../functions/layer/tree.ts';

/** What lies at store paths. */
export type Store = ReadonlyMap<ByteString, Tree>;

/** A file, a directory, or nothing, as somebody finds it who opens a path: links are followed. */
export type Opened =
  { readonly kind: 'file' | 'directory'; readonly at: ByteString; readonly names: readonly ByteString[] } | undefined;

/** Opens a path of a store as a file system does, component by component, independently of what is tested. */
export function open(store: Store, path: ByteString, links = 0): Opened {
  const done: ByteString[] = [];
  const left = path.split('/').filter((name) => name !== '');
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    if (name === '.') continue;
    if (name === '..') {
      done.pop();
      continue;
    }
    const tree = lookUp(store, [...done, name]);
    if (tree === undefined) return undefined;
    if (tree !== 'above' && isSymlink(tree)) {
      if (links >= 40) return undefined;
      const start = tree.target.startsWith('/') ? '' : `/${done.join('/')}`;
      return open(store, [start, tree.target, ...left].join('/'), links + 1);
    }
    if (left.length > 0 && tree !== 'above' && !isDirectory(tree)) return undefined;
    done.push(name);
  }
  const tree = lookUp(store, done);
  if (tree === undefined || tree === 'above') return undefined;
  const at = `/${done.join('/')}`;
  if (!isDirectory(tree)) return { kind: 'file', at, names: [] };
  return { kind: 'directory', at, names: tree.entries.map(([name]) => name) };
}

function lookUp(store: Store, [first, second, output, ...below]: readonly ByteString[]): Tree | 'above' | undefined {
  if ((first ?? 'nix') !== 'nix' || (second ?? 'store') !== 'store') return undefined;
  if (output === undefined) return 'above';
  let tree = store.get(`/nix/store/${output}`);
  for (const name of below) tree = tree && isDirectory(tree) ? new Map(tree.entries).get(name) : undefined;
  return tree;
}

/** Deeper than any path that is compared: where links go round, the tree has no end. */
const MAX_DEPTH = 7;

/**
 * What nixpkgs' `buildEnv` makes of packages that have one priority, when collisions are ignored, as a map from paths to
 * the places that they are links to, or to `directory`. It goes through the packages one after the other: the first that has
 * something at a path is linked; when another has a directory there as well, and not the same one, the link becomes a real
 * directory of what both hold.
 */
export function buildEnv(store: Store, packages: readonly ByteString[]): ReadonlyMap<ByteString, ByteString> {
  const made = new Map<ByteString, ByteString>([['', 'directory']]);

  function add(path: ByteString, place: ByteString): void {
    const there = made.get(path);
    if (there === undefined) {
      made.set(path, place);
      return;
    }
    const target = open(store, place);
    const before = there === 'directory' ? undefined : open(store, there);
    if (target !== undefined && target.at === before?.at) return;
    if (target?.kind !== 'directory' || (there !== 'directory' && before?.kind !== 'directory')) return;
    if (path.split('/').length > MAX_DEPTH) return;
    made.set(path, 'directory');
    if (there !== 'directory') for (const name of before?.names ?? []) add(`${path}/${name}`, `${there}/${name}`);
    for (const name of target.names) add(`${path}/${name}`, `${place}/${name}`);
  }

  for (const one of packages) if (open(store, one)?.kind === 'directory') add('', one);
  return made;
}
