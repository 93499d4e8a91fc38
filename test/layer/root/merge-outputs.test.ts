import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { mergeOutputs } from '../../../functions/layer/root/merge-outputs.ts';
import { nodeAt, type RootDirectory } from '../../../functions/layer/root-node.ts';
import { type ByteString, isDirectory, type Tree } from '../../../functions/layer/tree.ts';
import { buildEnv, open, type Opened } from './build-env.ts';
import { storePath } from '../fixture.ts';

const PATHS = ['p', 'q', 'r', 's'].map(storePath);
const NAMES = ['a', 'b', 'c'];

/** Files, directories, and links to store paths and into them, to nothing, and to each other in circles. */
const target = fc
  .tuple(fc.constantFrom(...PATHS, '/elsewhere'), fc.array(fc.constantFrom(...NAMES), { maxLength: 3 }))
  .map(([path, below]) => ({ target: [path, ...below].join('/') }));
const { tree: anyTree } = fc.letrec<{ tree: Tree; directory: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constant<Tree>({ size: 1 }),
    target,
    tie('directory'),
    tie('directory'),
  ),
  directory: fc
    .uniqueArray(fc.tuple(fc.constantFrom(...NAMES), tie('tree')), { selector: ([name]) => name, maxLength: 3 })
    .map((entries): Tree => ({ entries: entries.sort(([a], [b]) => (a < b ? -1 : 1)) })),
}));
const stores = fc
  .tuple(...PATHS.map(() => anyTree))
  .map((trees) => new Map<ByteString, Tree>(PATHS.map((path, index) => [path, trees[index] as Tree])));

/** All paths of the names, to a depth. */
function paths(depth: number): ByteString[] {
  const below = depth === 0 ? [] : paths(depth - 1);
  return ['', ...NAMES.flatMap((name) => (depth === 0 ? [] : below.map((path) => `/${name}${path}`)))];
}

/** What is found at a path of an environment: real directories, and links into the store. */
function openIn(
  store: ReadonlyMap<ByteString, Tree>,
  nodeAtPath: (path: ByteString) => ByteString | undefined,
  path: ByteString,
): Opened | 'directory' {
  const names = path.split('/').slice(1);
  for (let length = 0; length <= names.length; length++) {
    const node = nodeAtPath(
      names
        .slice(0, length)
        .map((name) => `/${name}`)
        .join(''),
    );
    if (node === undefined) return undefined;
    if (node !== 'directory') return open(store, [node, ...names.slice(length)].join('/'));
  }
  return 'directory';
}

/** What is at a path of a root, whose own links, of folders that hold themselves, are followed on the way and at its end. */
function lookUp(root: RootDirectory, names: readonly ByteString[]): ByteString | undefined {
  const done: ByteString[] = [];
  for (const [index, name] of names.entries()) {
    if (name === '.') continue;
    if (name === '..') {
      done.pop();
      continue;
    }
    const node = nodeAt(root, [...done, name].join('/'));
    const left = names.slice(index + 1);
    if (node?.kind === 'symlink' && !node.target.startsWith('/')) {
      return lookUp(root, [...done, ...node.target.split('/'), ...left]);
    }
    if (node?.kind === 'symlink') return left.length === 0 ? node.target : undefined;
    if (node === undefined) return undefined;
    done.push(name);
  }
  return 'directory';
}

const found = (one: Opened | 'directory') =>
  one === 'directory' ? one : one === undefined ? undefined : one.kind === 'file' ? one.at : 'directory';

describe("an image's links", () => {
  it("are those that nixpkgs' buildEnv makes, of any trees", () => {
    let merged = 0;
    fc.assert(
      fc.property(stores, fc.shuffledSubarray(PATHS, { minLength: 1 }), (store, chosen) => {
        const expected = buildEnv(store, chosen);
        const outputs = chosen.map((path) => ({ path, tree: store.get(path) as Tree }));
        const { root } = mergeOutputs(outputs, store);
        const ours = (path: ByteString) => lookUp(root, path.split('/').slice(1));
        for (const path of paths(4)) {
          const [actual, wanted] = [openIn(store, ours, path), openIn(store, (at) => expected.get(at), path)];
          assert.equal(found(actual), found(wanted), `${path} of ${JSON.stringify([chosen, ...store])}`);
          if (expected.get(path) === 'directory' && path !== '') merged++;
        }
        // The same links: neither more real directories nor fewer, but for those that hold themselves.
        for (const [path, node] of expected) {
          const node2 = ours(path);
          if (path === '' || node2 === undefined || path.split('/').length > 4) continue;
          if (node !== 'directory')
            assert.equal(open(store, node)?.at, node2 === 'directory' ? path : open(store, node2)?.at);
        }
      }),
      { seed: 21, numRuns: 3000 },
    );
    assert.ok(merged > 300, `${merged} directories were merged`);
  });

  it('do not change with trees that no directory link leads to', () => {
    fc.assert(
      fc.property(stores, fc.shuffledSubarray(PATHS, { minLength: 1 }), (store, chosen) => {
        const outputs = chosen.map((path) => ({ path, tree: store.get(path) as Tree }));
        const isNeeded = (path: ByteString): boolean => {
          const tree = store.get(path);
          return chosen.includes(path as (typeof PATHS)[number]) || (tree !== undefined && isDirectory(tree));
        };
        const needed = new Map([...store].filter(([path]) => isNeeded(path)));
        assert.deepEqual(mergeOutputs(outputs, needed).root, mergeOutputs(outputs, store).root);
      }),
      { seed: 21, numRuns: 300 },
    );
  });
});
