import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { publishBlob } from '../../functions/storage/publish-blob.ts';
import type { BlobStore } from '../../functions/storage/blob-store.ts';
import { folderStore } from '../../functions/storage/folder/store.ts';
import { prepareFolder } from '../../functions/storage/folder/prepare.ts';
import { blobKey } from '../../functions/storage/known-blobs.ts';
import { memoryStore } from '../../functions/storage/memory.ts';
import { AREAS, objectKey } from '../../functions/storage/object-key.ts';
import { purge, type PurgeOptions } from '../../functions/upkeep/purge.ts';
import { parseSelection } from '../../functions/upkeep/selection.ts';
import { verify } from '../../functions/upkeep/verify.ts';
import { recordBytes } from '../../functions/storage/record-proof.ts';
import { startBucket } from '../support/bucket/server.ts';
import { storeOver } from '../support/bucket/store.ts';
import { rewrite, saidIn } from '../support/store/stored-record.ts';
import { storeImage } from '../support/store/stored-image.ts';

const OTHER_REVISION = 'b'.repeat(40);

async function keysOf(store: BlobStore): Promise<string[]> {
  const keys: string[] = [];
  for (const area of AREAS) for await (const { key } of store.list(area)) keys.push(key);
  return keys;
}

function purged(store: BlobStore, text: string, options: PurgeOptions = {}) {
  const selection = parseSelection(text);
  if (selection.kind === 'invalid') throw new Error(selection.message);
  return purge(store, selection, options);
}

async function withFolder(use: (store: BlobStore) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'nixery-purge-'));
  try {
    await prepareFolder(path);
    await use(folderStore(path));
  } finally {
    await rm(path, { recursive: true });
  }
}
async function withBucket(use: (store: BlobStore) => Promise<void>): Promise<void> {
  await using double = await startBucket();
  await use(await storeOver(double));
}
const withMemory = (use: (store: BlobStore) => Promise<void>) => use(memoryStore());

for (const [name, withStore] of [
  ['memory', withMemory],
  ['a folder', withFolder],
  ['a bucket', withBucket],
] as const) {
  describe(`purging over ${name}`, () => {
    it('removes an image and all that it needs, and nothing is left', () =>
      withStore(async (store) => {
        await storeImage(store, ['git', 'zlib', 'perl']);
        const outcome = await purged(store, 'git/zlib/perl');
        assert.ok(outcome.kind === 'purged');
        assert.equal(outcome.images, 1);
        assert.deepEqual(await keysOf(store), []);
      }));

    it('keeps what other images need, packed paths behind their joined layers, too', () =>
      withStore(async (store) => {
        await storeImage(store, ['hello', 'zlib', 'perl']);
        const alone = await keysOf(store);
        await storeImage(store, ['git', 'zlib', 'perl']);
        await purged(store, 'zlib/git/perl');
        assert.deepEqual(await keysOf(store), alone);
        assert.equal((await verify(store, { deep: true })).problems, 0);
      }));

    it('removes a layer that a path of what is removed lies in, also when others copied from it', () =>
      withStore(async (store) => {
        const leaking = await storeImage(store, ['git', 'secret', 'zlib'], { together: true });
        const other = await storeImage(store, ['hello', 'zlib'], { copied: { zlib: leaking.joined } });
        const outcome = await purged(store, 'git/secret/zlib');
        assert.ok(outcome.kind === 'purged');
        const left = await keysOf(store);
        assert.ok(!left.includes(blobKey(leaking.joined)));
        // What is left of the path that both have is the other image's own layer.
        assert.deepEqual(
          left.filter((key) => key.startsWith('contents/')),
          other.records.filter((key) => key.startsWith('contents/')),
        );
        for (const blob of [other.digest, other.config, other.joined, other.root])
          assert.ok(left.includes(blobKey(blob)));
        assert.deepEqual((await verify(store, { deep: true })).problems, 0);
      }));

    it('removes with a layer all records that name it, also those that no image was made from', () =>
      withStore(async (store) => {
        const { joined } = await storeImage(store, ['git', 'perl', 'zlib'], { together: true });
        const part = { format: 1, digest: joined, sizeBytes: 1, memberOffset: 0, memberBytes: 1, memberTarBytes: 512 };
        const [packed, joins] = [objectKey('contents', 'f'.repeat(64)), objectKey('joins', 'f'.repeat(64))];
        await store.createRecord(packed, recordBytes(packed, part));
        for await (const { key } of store.list('joins'))
          await store.createRecord(joins, recordBytes(joins, await saidIn(store, key)));
        await purged(store, 'git/perl/zlib');
        assert.deepEqual(await keysOf(store), []);
      }));

    it('removes what a path lies in now, where that is another layer than when the image was made', () =>
      withStore(async (store) => {
        await storeImage(store, ['git', 'secret', 'zlib'], { together: true });
        const { joined } = await storeImage(store, ['hello', 'jq', 'perl'], { together: true });
        for await (const { key } of store.list('contents')) {
          const record = await saidIn(store, key);
          if (record['memberTarBytes'] === undefined || record['digest'] === joined) continue;
          const { sizeBytes } = (await store.stat(blobKey(joined))) ?? assert.fail();
          await rewrite(store, key, { ...record, digest: joined, sizeBytes });
        }
        // Only the record of its own image says that it is served.
        const kept = await purged(store, 'git/secret/zlib');
        assert.ok(kept.kind === 'purged');
        assert.ok((await keysOf(store)).includes(blobKey(joined)));
        assert.equal((await verify(store, { deep: true })).problems, 0);
      }));

    it('removes a layer that no image is served with, when a path that is to be gone lies in it now', () =>
      withStore(async (store) => {
        await storeImage(store, ['git', 'secret', 'zlib'], { together: true });
        const { digest } = await publishBlob(store, Readable.from([gzipSync('secret, packed by a build that failed')]));
        for await (const { key } of store.list('contents')) {
          const record = await saidIn(store, key);
          if (record['memberTarBytes'] !== undefined) await rewrite(store, key, { ...record, digest });
        }
        await purged(store, 'git/secret/zlib');
        assert.deepEqual(await keysOf(store), []);
      }));

    it('keeps a layer that others copied all of from', () =>
      withStore(async (store) => {
        const { joined } = await storeImage(store, ['git', 'perl', 'zlib'], { together: true });
        await storeImage(store, ['hello', 'perl', 'zlib'], { copied: { zlib: joined, perl: joined } });
        await purged(store, 'git/perl/zlib');
        const left = await keysOf(store);
        assert.ok(left.includes(blobKey(joined)));
        assert.equal(left.filter((key) => key.startsWith('contents/')).length, 3);
        assert.equal((await verify(store, { deep: true })).problems, 0);
      }));

    it('removes the images of a name at all revisions, and of a revision whatever their names', () =>
      withStore(async (store) => {
        for (const packages of [['git'], ['jq']]) {
          await storeImage(store, packages);
          await storeImage(store, packages, { revision: OTHER_REVISION });
        }
        const outcome = await purged(store, 'git');
        assert.ok(outcome.kind === 'purged');
        assert.equal(outcome.images, 2);
        await purged(store, OTHER_REVISION);
        const images = await Array.fromAsync(store.list('images'));
        assert.equal(images.length, 2, 'one image has two records');
      }));

    it('finds an image by its digest, and says whose blob another digest is', () =>
      withStore(async (store) => {
        const { digest, root } = await storeImage(store, ['git']);
        const mistaken = await purged(store, root);
        assert.ok(mistaken.kind === 'not-a-manifest');
        assert.deepEqual(
          mistaken.namedBy.map((record) => record.digest),
          [digest],
        );
        assert.equal((await purged(store, digest)).kind, 'purged');
        assert.equal((await purged(store, digest)).kind, 'no-image');
      }));

    it('with --packed also removes every image that holds the outputs of the named packages, and no other', () =>
      withStore(async (store) => {
        await storeImage(store, ['jq', 'zlib']);
        const kept = await keysOf(store);
        await storeImage(store, ['secret', 'zlib']);
        await storeImage(store, ['git', 'secret', 'zlib']);
        await storeImage(store, ['git', 'secret'], { revision: OTHER_REVISION });
        await purged(store, 'secret', { packed: true });
        assert.deepEqual(await keysOf(store), kept);
      }));

    it('with --dry-run tells the same and removes nothing', () =>
      withStore(async (store) => {
        await storeImage(store, ['hello', 'zlib']);
        await storeImage(store, ['git', 'zlib']);
        const before = await keysOf(store);
        const [foretold, done]: [string[], string[]] = [[], []];
        const planned = await purged(store, 'git/zlib', { dryRun: true, removed: ({ key }) => foretold.push(key) });
        assert.deepEqual(await keysOf(store), before);
        assert.deepEqual(await purged(store, 'git/zlib', { removed: ({ key }) => done.push(key) }), planned);
        assert.deepEqual(foretold.sort(), done.sort());
        assert.deepEqual((await keysOf(store)).sort(), before.filter((key) => !done.includes(key)).sort());
      }));
  });
}

describe('the order of a purge', () => {
  it('is records before blobs, and the records of images first', async () => {
    const store = memoryStore();
    await storeImage(store, ['git', 'zlib']);
    const areas: string[] = [];
    await purged(store, 'git/zlib', { removed: ({ key }) => areas.push(key.split('/')[0] ?? '') });
    assert.deepEqual([...new Set(areas)], ['images', 'joins', 'contents', 'packages', 'layers']);
    assert.equal(areas.lastIndexOf('packages') + 1, areas.indexOf('layers'));
  });
});

describe('an image that is made while another is purged', () => {
  it('keeps what it needs when it is there in time', async () => {
    const store = memoryStore();
    await storeImage(store, ['git', 'zlib']);
    let made = false;
    const racing: BlobStore = {
      ...store,
      delete: async (key, options) => {
        if (!made) await storeImage(store, ['hello', 'zlib']);
        made = true;
        return store.delete(key, options);
      },
    };
    await purged(racing, 'git/zlib');
    assert.ok(made);
    assert.equal((await verify(store, { deep: true })).problems, 0);
    assert.equal((await Array.fromAsync(store.list('images'))).length, 2);
  });

  it('is forgotten when what it needs went with the other', async () => {
    const store = memoryStore();
    const { packed } = await storeImage(store, ['git', 'zlib']);
    const racing: BlobStore = {
      ...store,
      delete: async (key, options) => {
        const isGone = await store.delete(key, options);
        // An instance that had read the record of `git` before now publishes an image with its blob.
        if (key === blobKey(packed['git'] ?? assert.fail())) {
          await storeImage(store, ['git', 'hello']);
          await store.delete(key, options);
        }
        return isGone;
      },
    };
    await purged(racing, 'git/zlib');
    assert.deepEqual(await Array.fromAsync(store.list('images')), []);
  });
});

describe('a selection', () => {
  it('is read as the registry reads names', () => {
    assert.deepEqual(parseSelection('git/shell/git'), parseSelection('shell/git'));
    assert.equal(parseSelection('a'.repeat(40)).kind, 'revision');
    assert.equal(parseSelection(`sha256:${'a'.repeat(64)}`).kind, 'digest');
  });

  for (const [text, message] of [
    ['Git', /no image's name/],
    ['git:latest', /has a tag/],
    ['sha256:12', /not a digest/],
    ['arm64', /no package/],
    ['', /no image's name/],
  ] as const) {
    it(`says what is wrong with ${JSON.stringify(text)}`, () => {
      const selection = parseSelection(text);
      assert.ok(selection.kind === 'invalid');
      assert.match(selection.message, message);
    });
  }

  it('does not confuse packages of other platforms', async () => {
    const store = memoryStore();
    await storeImage(store, ['git']);
    assert.equal((await purged(store, 'arm64/git')).kind, 'no-image');
    assert.ok(await store.stat(objectKey('images', (await keysOf(store)).at(-1)?.split('/')[1] ?? '')));
  });
});
