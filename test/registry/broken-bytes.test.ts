import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { imageObject, imageRecordSchema } from '../../functions/builder/image.ts';
import { type Digest, digestOfBytes, hexOf } from '../../functions/oci/digest.ts';
import { folderStore } from '../../functions/storage/folder/store.ts';
import { blobKey } from '../../functions/storage/known-blobs.ts';
import { type Damage, damagedCopy, objectsIn, pullAll, type Pulled } from '../support/store/damaged-store.ts';
import { fixturePackages, nix } from '../support/nix.ts';
import { saidIn } from '../support/store/stored-record.ts';

/** What is made again of parts, of which some lie in layers of an image that was there before. */
const COMPOSED = 'greet/capital/lib';
const NAMES = ['greet/several', COMPOSED];
/** So that one is served while another waits for Nix or for the disk. */
const AT_ONCE = { concurrency: 2 };

let scratch: string;
let store: string;
let right: Pulled;
/** What a pull of known images reads. */
let read: readonly string[];
/** What is read only when an image is made. */
let unread: readonly string[];
/** What the composed image is made of. */
let parts: readonly string[];
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-broken-'));
  store = join(scratch, 'store');
  const made = await pullAll(environmentOf(store), NAMES);
  assert.deepEqual(made.failures, []);
  right = made.pulled;
  const objects = await objectsIn(store);
  const isSent = (key: string) => NAMES.some((name) => right.has(blobPath(name, key)));
  read = objects.filter((key) => /^(images|tags)\//.test(key) || isSent(key));
  unread = objects.filter((key) => !read.includes(key));
  parts = await partsOf(digestOfBytes(right.get(`/v2/${COMPOSED}/manifests/latest`) ?? assert.fail()));
  assert.ok(
    parts.some((key) => key.startsWith('layers/') && unread.includes(key)),
    'no layer was copied from another',
  );
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

/** What an image was made of, and what of it is sent. */
async function partsOf(digest: Digest): Promise<readonly string[]> {
  const { packages, contents, joins, blobs } = imageRecordSchema.parse(
    await saidIn(folderStore(store), imageObject(hexOf(digest))),
  );
  const layers = [digest, ...blobs, ...contents.map((one) => one.digest)].map(blobKey);
  return [
    ...packages.map((name) => `packages/${name}`),
    ...contents.map(({ name }) => `contents/${name}`),
    ...joins.map((name) => `joins/${name}`),
    ...new Set(layers),
  ];
}

interface Broken {
  readonly keys: readonly string[];
  readonly damage: Damage;
  /** Areas of which nothing is there. */
  readonly without: readonly string[];
}

/** Pulls twice, each time from a new server. Gives what both logged. */
async function pullTwice(broken: Broken, names: readonly string[]): Promise<readonly string[]> {
  const to = await mkdtemp(join(scratch, 'damaged-'));
  await damagedCopy({ store, to }, broken);
  const isBlob = broken.keys.some((key) => key.startsWith('layers/'));
  const first = await pullAll(environmentOf(to), names);
  // By digests first, but for an image with a broken blob, of which the tag is to be pulled again.
  const second = await pullAll(environmentOf(to), names, isBlob ? undefined : first.pulled);
  for (const { pulled } of [first, second])
    for (const [path, bytes] of pulled) assert.ok(right.get(path)?.equals(bytes), `${path} is another`);
  for (const failure of first.failures) {
    assert.doesNotMatch(failure, /: 5\d\d /);
    assert.ok(isBlob, failure);
  }
  assert.deepEqual(second.failures, []);
  const all = [...right.keys()].filter((path) => names.some((name) => path.startsWith(`/v2/${name}/`)));
  assert.deepEqual([...second.pulled.keys()].sort(), all.sort());
  return [...first.log, ...second.log];
}

/** Where a blob is asked for. */
function blobPath(name: string, key: string): string {
  return `/v2/${name}/blobs/sha256:${key.slice('layers/'.length)}`;
}

function isNamed(log: readonly string[], key: string): boolean {
  return log.some((line) => line.includes(key));
}

/** One subtest for each. */
async function forEach(t: TestContext, keys: readonly string[], test: (key: string) => Promise<void>): Promise<void> {
  assert.ok(keys.length > 0);
  await Promise.all(keys.map((key) => t.test(key, () => test(key))));
}

describe('one broken object in a store', () => {
  for (const damage of ['a bit', 'the end'] as const) {
    it(`is never served twice, nor to its end, and is mended when ${damage} of it is wrong`, AT_ONCE, async (t) => {
      await forEach(t, read, async (key) => {
        const log = await pullTwice({ keys: [key], damage, without: [] }, NAMES);
        assert.ok(isNamed(log, key));
      });
    });

    it(`makes no other image of what is there when ${damage} of it is wrong`, AT_ONCE, async (t) => {
      await forEach(t, parts, async (key) => {
        const without = key.startsWith('joins/') ? ['images'] : ['images', 'joins'];
        const log = await pullTwice({ keys: [key], damage, without }, [COMPOSED]);
        // Of a layer of another image, only the part that is copied is read.
        const isOfAnother = key.startsWith('layers/') && !right.has(blobPath(COMPOSED, key));
        const isSeen = damage === 'the end' || !isOfAnother;
        assert.ok(!isSeen || isNamed(log, key));
      });
    });

    it(`is not looked at when no pull needs it, and ${damage} of it is wrong`, async () => {
      const log = await pullTwice({ keys: unread, damage, without: [] }, NAMES);
      assert.deepEqual(
        unread.filter((key) => isNamed(log, key)),
        [],
      );
    });
  }
});
