import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Damage, damagedCopy, objectsIn, pullAll, type Pulled } from '../support/damaged-store.ts';
import { fixturePackages, nix } from '../support/nix.ts';

const NAMES = ['greet/several', 'greet/capital/lib'];
/** What is made again of parts: of each broken one, at least this. */
const COMPOSED = NAMES.slice(1);

let scratch: string;
let store: string;
let right: Pulled;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-broken-'));
  store = join(scratch, 'store');
  const made = await pullAll(environmentOf(store), NAMES);
  assert.deepEqual(made.failures, []);
  right = made.pulled;
});
after(async () => {
  await rm(scratch, { recursive: true });
});

function environmentOf(folder: string): Record<string, string> {
  return {
    NIX_CONFIG: nix.environment['NIX_CONFIG'] ?? '',
    NIXERY_PKGS_PATH: fixturePackages,
    NIXERY_COMPRESSION: 'zlib',
    NIXERY_EVAL_AHEAD: 'off',
    // So that paths share layers.
    NIXERY_LAYERS: '4',
    STORAGE_PATH: folder,
  };
}

/** Pulls twice, each time from a new server. */
async function pullTwice(key: string, damage: Damage, without: readonly string[], names = NAMES): Promise<void> {
  const about = `${key}, ${damage}`;
  const folder = join(scratch, 'damaged');
  await damagedCopy({ store, to: folder }, { key, damage, without });
  const env = environmentOf(folder);
  const first = await pullAll(env, names);
  // By digests first, but for an image with a broken blob, of which the tag is to be pulled again.
  const second = await pullAll(env, names, key.startsWith('layers/') ? undefined : first.pulled);
  for (const { pulled } of [first, second])
    for (const [path, bytes] of pulled) assert.ok(right.get(path)?.equals(bytes), `${about}: ${path} is another`);
  for (const failure of first.failures) {
    assert.doesNotMatch(failure, /: 5\d\d /, about);
    assert.ok(key.startsWith('layers/'), `${about}: ${failure}`);
  }
  assert.deepEqual(second.failures, [], about);
  assert.equal(second.pulled.size, names === NAMES ? right.size : second.pulled.size, about);
  assert.ok([...first.log, ...second.log].some((line) => line.includes(key)) || isUnread(key, without), about);
}

/** What these pulls do not need is not looked at. */
function isUnread(key: string, without: readonly string[]): boolean {
  if (without.length > 0) return true;
  const [area, name = ''] = key.split('/');
  if (area === 'layers') return ![...right.keys()].some((path) => path.endsWith(`/blobs/sha256:${name}`));
  return area !== 'images' && area !== 'tags';
}

describe('one broken object in a store', () => {
  for (const damage of ['a bit', 'the end'] as const) {
    it(`is never served twice, nor to its end, when ${damage} of it is wrong, and is mended and named`, async () => {
      for (const key of await objectsIn(store)) await pullTwice(key, damage, []);
    });

    it(`makes no other image of what is there when ${damage} of it is wrong`, async () => {
      const parts = (await objectsIn(store)).filter((key) => /^(contents|joins|packages|layers)\//.test(key));
      for (const key of parts) {
        const isJoin = key.startsWith('joins/');
        await pullTwice(key, damage, isJoin ? ['images'] : ['images', 'joins'], COMPOSED);
      }
    });
  }
});
