import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { imageObject } from '../../functions/builder/image.ts';
import { type Digest, hexOf } from '../../functions/oci/digest.ts';
import type { BlobStore } from '../../functions/storage/blob-store.ts';
import { blobKey } from '../../functions/storage/known-blobs.ts';
import { memoryStore } from '../../functions/storage/memory.ts';
import { AREAS, objectKey, type ObjectKey } from '../../functions/storage/object-key.ts';
import { type Problem, verify, type VerifyOptions } from '../../functions/upkeep/verify.ts';
import { startBucket } from '../support/bucket/server.ts';
import { storeOver } from '../support/bucket/store.ts';
import { rewrite, saidIn } from '../support/store/stored-record.ts';
import { storeImage, type StoredSample } from '../support/store/stored-image.ts';

async function problemsOf(store: BlobStore, options: VerifyOptions = {}): Promise<Problem[]> {
  const problems: Problem[] = [];
  const verified = await verify(store, { ...options, problem: (problem) => problems.push(problem) });
  assert.equal(verified.problems, problems.length);
  return problems;
}

/** Other bytes under a blob's key, as a broken disk has them. */
async function overwrite(store: BlobStore, digest: Digest, bytes: Buffer): Promise<void> {
  await store.delete(blobKey(digest));
  const staging = await store.stage();
  await pipeline(Readable.from([bytes]), staging.writable);
  await staging.publish(blobKey(digest));
}

async function sample(): Promise<{ store: BlobStore; image: StoredSample; record: (area: string) => ObjectKey }> {
  const store = memoryStore();
  const image = await storeImage(store, ['git', 'zlib', 'perl']);
  return { store, image, record: (area) => image.records.find((key) => key.startsWith(area)) ?? assert.fail() };
}

describe('verifying a bucket', () => {
  it('finds nothing wrong with a sound one, and what is gone or changed in another, and mends it', async () => {
    await using double = await startBucket();
    const store = await storeOver(double);
    const image = await storeImage(store, ['git', 'zlib', 'perl']);
    assert.equal((await verify(store, { deep: true })).problems, 0);
    await overwrite(store, image.joined, Buffer.from('something else'));
    await store.delete(blobKey(image.root));
    const problems = await problemsOf(store, { deep: true, fix: true });
    assert.deepEqual([...new Set(problems.map(({ key }) => key.split('/')[0]))].sort(), ['images', 'joins']);
    assert.equal((await verify(store, { deep: true })).problems, 0);
  });
});

describe('verifying a store', () => {
  it('finds nothing wrong with a sound one, and counts its records', async () => {
    const { store } = await sample();
    assert.deepEqual(await verify(store, { deep: true }), {
      records: { contents: 3, joins: 1, images: 2, packages: 3 },
      problems: 0,
      unproved: 0,
    });
  });

  const gone: readonly (readonly [what: string, blob: (image: StoredSample) => Digest | undefined, areas: string[]])[] =
    [
      ['manifest', ({ digest }) => digest, ['images', 'images']],
      ['config', ({ config }) => config, ['images', 'images']],
      ['root layer', ({ root }) => root, ['images', 'images']],
      ['joined layer', ({ joined }) => joined, ['joins', 'images', 'images']],
      ['layer of one path', ({ packed }) => packed['git'], ['contents', 'images', 'images']],
      ['packed path behind a joined layer', ({ packed }) => packed['zlib'], ['contents']],
    ];
  for (const [what, blobOf, areas] of gone) {
    it(`finds the records whose ${what} is gone or cut`, async () => {
      const { store, image } = await sample();
      const digest = blobOf(image) ?? assert.fail();
      await store.delete(blobKey(digest));
      const problems = await problemsOf(store);
      assert.deepEqual(
        problems.map(({ key }) => key.split('/')[0]),
        areas,
      );
      for (const { wrong } of problems) assert.match(wrong.join(), new RegExp(`${digest} is gone`));

      await overwrite(store, digest, Buffer.from('cut'));
      const cut = await problemsOf(store);
      assert.equal(cut.length, areas.length);
      for (const { wrong } of cut) assert.match(wrong.join(), /has 3 bytes and not \d+/);
    });
  }

  it('finds the records of paths whose common layer is gone or cut', async () => {
    const store = memoryStore();
    const { joined } = await storeImage(store, ['git', 'zlib', 'perl'], { together: true });
    assert.equal((await verify(store, { deep: true })).problems, 0);
    await store.delete(blobKey(joined));
    const areas = (problems: readonly Problem[]) => problems.map(({ key }) => key.split('/')[0]);
    assert.deepEqual(areas(await problemsOf(store)), ['contents', 'contents', 'joins', 'images', 'images']);
    await overwrite(store, joined, Buffer.from('cut'));
    const cut = await problemsOf(store);
    assert.deepEqual(areas(cut), ['contents', 'contents', 'joins', 'images', 'images']);
    for (const { wrong } of cut) assert.match(wrong.join(), /has 3 bytes and not \d+/);
    await problemsOf(store, { deep: true, fix: true });
    assert.equal((await verify(store, { deep: true })).problems, 0);
  });

  it('finds content that is not what its name says only when it reads deep', async () => {
    const { store, image } = await sample();
    const content = await store.read(blobKey(image.joined));
    const length = content?.sizeBytes ?? 0;
    content?.stream.destroy();
    await overwrite(store, image.joined, Buffer.alloc(length));
    assert.deepEqual(await problemsOf(store), []);
    const problems = await problemsOf(store, { deep: true });
    assert.equal(problems.length, 3);
    for (const { wrong } of problems) assert.match(wrong.join(), /has other content: .*is neither gzip nor zstd/);
  });

  it('finds a diffID that is another', async () => {
    const { store, record } = await sample();
    const key = record('joins/');
    await rewrite(store, key, { ...(await saidIn(store, key)), diffId: `sha256:0000${'1'.repeat(60)}` });
    assert.deepEqual(await problemsOf(store), []);
    const [problem, ...others] = await problemsOf(store, { deep: true });
    assert.deepEqual(others, []);
    assert.match(problem?.wrong.join() ?? '', /has the diffID .* and not sha256:0000/);
  });

  it('finds records of every area that cannot be read', async () => {
    const store = memoryStore();
    const records = AREAS.filter((area) => area !== 'layers').map((area) => objectKey(area, 'x'));
    for (const key of records) await store.createRecord(key, Buffer.from('{"version":0'));
    const problems = await problemsOf(store);
    assert.deepEqual(problems.map(({ key }) => key).sort(), [...records].sort());
    for (const { wrong, meaning } of problems) {
      assert.match(wrong.join(), /not JSON/);
      assert.notEqual(meaning, '');
    }
  });

  it('finds what was written as something else, a path outside of its blob, and a manifest of another digest', async () => {
    const { store, image, record } = await sample();
    const [packed, other] = image.records.filter((key) => key.startsWith('contents/'));
    assert.ok(packed && other);
    const { bytes } = (await store.readRecord(other)) ?? assert.fail();
    const { generation } = (await store.readRecord(packed)) ?? assert.fail();
    await store.replaceRecord(packed, bytes, generation);
    await rewrite(store, other, { ...(await saidIn(store, other)), memberOffset: 1 });
    const images = record('images/');
    await rewrite(store, images, { ...(await saidIn(store, images)), manifest: '{}' });
    const problems = new Map((await problemsOf(store)).map(({ key, wrong }) => [key, wrong.join()]));
    assert.deepEqual([...problems.keys()].sort(), [packed, other, images].sort());
    assert.equal(problems.get(packed), `it was written as ${other}`);
    assert.equal(problems.get(other), 'its member is outside of its blob');
    assert.match(problems.get(images) ?? '', /the manifest's digest is another/);
  });

  it('counts records of before there were proofs, and removes them with --fix', async () => {
    const store = memoryStore();
    await storeImage(store, ['git', 'zlib', 'perl'], { unproved: true });
    // One that has another shape is not of this version either.
    await store.createRecord(objectKey('packages', 'x'), Buffer.from('{"version":0}'));
    const records = { contents: 3, joins: 1, images: 2, packages: 4 };
    assert.deepEqual(await verify(store), { records, problems: 0, unproved: 10 });
    assert.deepEqual(await verify(store, { fix: true }), { records, problems: 0, unproved: 10 });
    assert.deepEqual(await verify(store), { records: {}, problems: 0, unproved: 0 });
  });

  it('finds an image that cannot be pulled by its digest', async () => {
    const { store, image } = await sample();
    await store.delete(imageObject(hexOf(image.digest)));
    assert.match((await problemsOf(store))[0]?.wrong.join() ?? '', /cannot be pulled by its digest/);
  });

  for (const deep of [false, true]) {
    it(`with --fix leaves a sound store behind${deep ? ', content that is wrong included' : ''}`, async () => {
      const { store, image } = await sample();
      await storeImage(store, ['hello', 'jq']);
      await store.createRecord(objectKey('pins', 'x'), Buffer.from('?'));
      if (deep) await overwrite(store, image.packed['git'] ?? assert.fail(), gzipSync('other'));
      else await store.delete(blobKey(image.packed['git'] ?? assert.fail()));
      const problems = await problemsOf(store, { deep, fix: true });
      assert.equal(problems.length, 4);
      assert.ok(problems.every(({ removed }) => removed));
      const left = await verify(store, { deep: true });
      assert.deepEqual(left, { records: { contents: 4, joins: 2, images: 2, packages: 5 }, problems: 0, unproved: 0 });
      assert.equal(await store.stat(blobKey(image.packed['git'] ?? assert.fail())), undefined);
    });
  }

  it('does not complain of what is removed or made again while it looks', async () => {
    const { store, image } = await sample();
    await store.delete(blobKey(image.joined));
    const looked = new Set<ObjectKey>();
    const serving: BlobStore = {
      ...store,
      stat: async (key, options) => {
        const before = await store.stat(key, options);
        // After the first look at the missing blob, an instance makes it again.
        if (key === blobKey(image.joined) && !looked.has(key)) await storeImage(store, ['git', 'zlib', 'perl']);
        looked.add(key);
        return before;
      },
    };
    assert.deepEqual(await problemsOf(serving), []);
  });
});
