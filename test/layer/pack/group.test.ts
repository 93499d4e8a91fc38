import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createJoiner } from '../../../functions/layer/join.ts';
import { layerThreads, sharedLayerThreads } from '../../../functions/layer/threads/threads.ts';
import { createPacker } from '../../../functions/layer/pack/packer.ts';
import { memberTarBytesOf, type PackedPath } from '../../../functions/layer/packed-path.ts';
import { zlibCompressor } from '../../../functions/layer/compressors/zlib.ts';

import { blobKey, knownBlobs } from '../../../functions/storage/known-blobs.ts';
import { localSource } from '../../../functions/layer/source/source.ts';
import { memoryStore } from '../../../functions/storage/memory.ts';
import { blob, closurePath, names, temporaryFolder, write } from '../fixture.ts';

const folder = temporaryFolder();
const compressor = zlibCompressor();
const paths = ['a', 'b', 'c'].map((name) => closurePath(name));
const FILES = {
  a: { small: 'a'.repeat(1_000) },
  // Longer than a thread gives in one piece, compressed too.
  b: { large: randomBytes(2_000_000), also: 'b' },
  c: {},
};
for (const [name, files] of Object.entries(FILES)) write(join(folder, name), files);
const sourceOf = (path: string) => localSource(join(folder, path.slice(-1)));

function packerInto() {
  const store = memoryStore();
  const known = knownBlobs(store);
  const threads = sharedLayerThreads('zlib');
  const { promise: begun, resolve: begin } = Promise.withResolvers<undefined>();
  const used = { groups: 0, paths: 0 };
  const counting: typeof threads = {
    ...threads,
    packGroup(options) {
      used.groups++;
      begin(undefined);
      return threads.packGroup(options);
    },
    pack(path, options) {
      used.paths++;
      return threads.pack(path, options);
    },
  };
  /** `begun`: a group is being packed. */
  return { store, known, begun, used, ...createPacker({ store, known, compressor, threads: counting }) };
}

function memberIn(layer: Buffer, { memberOffset, memberBytes }: PackedPath): Buffer {
  return layer.subarray(memberOffset, memberOffset + memberBytes);
}

describe('a group of store paths', () => {
  it('is packed to the layer that joining makes, and each of it is a part of that and nothing else', async () => {
    const [one, other] = [packerInto(), packerInto()];
    const group = await one.packGroup(paths, { sourceOf });
    const single = await Promise.all(paths.map((path) => other.pack(path, { source: sourceOf(path.path) })));
    const joined = await createJoiner({ ...other, compressor })(single);
    assert.deepEqual(group?.joined, joined);
    for (const area of ['contents', 'joins'] as const) {
      assert.deepEqual(await names(one.store, area), await names(other.store, area));
    }
    assert.deepEqual(await names(one.store, 'layers'), [blobKey(joined.value.digest)]);
    assert.equal(one.store.stagedCount, 0);

    const layer = await blob(one.store, joined.value.digest);
    for (const [index, { value }] of group.members.entries()) {
      const alone = single[index];
      assert.ok(alone);
      assert.equal(value.digest, joined.value.digest);
      assert.equal(memberTarBytesOf(value), memberTarBytesOf(alone.value));
      assert.deepEqual(memberIn(layer, value), memberIn(await blob(other.store, alone.value.digest), alone.value));
    }
  });

  it('leaves its layer where joining finds it', async () => {
    const { store, known, packGroup } = packerInto();
    const group = await packGroup(paths, { sourceOf });
    assert.deepEqual(await createJoiner({ store, known, compressor })(group?.members ?? []), {
      ...group?.joined,
      made: false,
    });
  });

  it('is found when all of it is packed, whatever was made of it', async () => {
    const { packGroup, pack, used } = packerInto();
    const single = await Promise.all(paths.map((path) => pack(path, { source: sourceOf(path.path) })));
    const group = await packGroup(paths, { sourceOf: () => localSource('/nowhere') });
    assert.deepEqual(group, { members: single.map((one) => ({ ...one, made: false })), joined: undefined });
    assert.deepEqual(used, { groups: 0, paths: 3 });
  });

  it('is not packed when one of them is, or is being packed', async () => {
    const { pack, packGroup, store } = packerInto();
    const running = pack(closurePath('b'), { source: sourceOf('b') });
    assert.equal(await packGroup(paths, { sourceOf }), undefined);
    await running;
    assert.equal(await packGroup(paths, { sourceOf }), undefined);
    assert.equal((await names(store, 'contents')).length, 1);
  });

  it('is packed once for who wants it, or one of it, at the same time', async () => {
    const { packGroup, pack, begun, used } = packerInto();
    const group = packGroup(paths, { sourceOf });
    await begun;
    const [whole, one] = await Promise.all([group, pack(closurePath('c'), { source: localSource('/nowhere') })]);
    assert.deepEqual(one, whole?.members[2]);
    assert.deepEqual(used, { groups: 1, paths: 0 });
  });

  it('fails when one of them cannot be packed, for all who wait, and leaves nothing staged', async () => {
    const { store, packGroup } = packerInto();
    const missing = (path: string) => (path.endsWith('c') ? localSource(join(folder, 'nowhere')) : sourceOf(path));
    await assert.rejects(packGroup(paths, { sourceOf: missing }), { code: 'STORE_PATH_MISSING' });
    assert.equal(store.stagedCount, 0);
    assert.deepEqual(await names(store, 'joins'), []);
    assert.deepEqual(await names(store, 'contents'), []);
    // The thread works on.
    assert.equal((await packGroup(paths, { sourceOf }))?.members.length, 3);
  });

  it('writes no record any more when it has failed at one', async () => {
    const { store, known } = packerInto();
    let writing = 0;
    const failing: typeof store = {
      ...store,
      async createRecord(key, bytes, options) {
        if (key.startsWith('joins/')) throw new Error('no room for this');
        writing++;
        await sleep(50);
        writing--;
        return store.createRecord(key, bytes, options);
      },
    };
    const { packGroup } = createPacker({ store: failing, known, compressor });
    await assert.rejects(packGroup(paths, { sourceOf }), /no room for this/);
    assert.equal(writing, 0);
  });

  it('gives its thread back when the store cannot take its layer', async () => {
    const { store, known, pack } = packerInto();
    const threads = layerThreads('zlib', 1);
    const refusing = { ...store, stage: () => Promise.reject(new Error('no room')) };
    const { packGroup } = createPacker({ store: refusing, known, compressor, threads });
    for (let round = 0; round < 3; round++) await assert.rejects(packGroup(paths, { sourceOf }), /no room/);
    const again = createPacker({ store, known, compressor, threads });
    const { value } = await again.pack(closurePath('a'), { source: sourceOf('a') });
    assert.deepEqual((await pack(closurePath('a'), { source: localSource('/nowhere') })).value, value);
  });

  it('does not fail who wants one of it for what is wrong with another', async () => {
    const { packGroup, pack, begun } = packerInto();
    const missing = (path: string) => (path.endsWith('b') ? localSource(join(folder, 'nowhere')) : sourceOf(path));
    const group = packGroup(paths, { sourceOf: missing });
    await begun;
    const one = pack(closurePath('c'), { source: sourceOf('c') });
    await assert.rejects(group, { code: 'STORE_PATH_MISSING' });
    assert.ok((await one).made);
  });

  it('stops when its caller leaves while it is packed', async () => {
    const { store, packGroup } = packerInto();
    const many = ['a', ...Array.from({ length: 40 }, () => 'b')].map((name, index) => ({
      ...closurePath(`${index}${name}`),
    }));
    const stop = new AbortController();
    let packed = 0;
    const counted = (path: string) => {
      if (++packed === 10) stop.abort(new Error('the client left'));
      return sourceOf(path);
    };
    await assert.rejects(packGroup(many, { sourceOf: counted, signal: stop.signal }), /the client left/);
    assert.ok(packed < many.length, `${packed} were packed`);
    for (const area of ['layers', 'contents', 'joins'] as const) assert.deepEqual(await names(store, area), []);
    assert.equal(store.stagedCount, 0);
  });

  it('stops when it is no longer wanted, and goes on while one of it is', async () => {
    const { store, packGroup } = packerInto();
    const stop = new AbortController();
    const group = packGroup(paths, { sourceOf, signal: stop.signal });
    stop.abort(new Error('the client left'));
    await assert.rejects(group, /the client left/);
    assert.equal(store.stagedCount, 0);

    const two = packerInto();
    const second = new AbortController();
    const other = two.packGroup(paths, { sourceOf, signal: second.signal });
    await two.begun;
    const wanted = two.pack(closurePath('c'), { source: localSource('/nowhere') });
    second.abort(new Error('the client left'));
    await assert.rejects(other, /the client left/);
    assert.ok((await wanted).value.digest);
  });
});
