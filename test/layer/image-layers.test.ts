import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { createLayerMaker } from '../../functions/layer/image-layers.ts';
import type { PackedAhead } from '../../functions/layer/pack/pack.ts';
import type { RootDirectory } from '../../functions/layer/root-node.ts';
import { rootTree } from '../../functions/layer/root/root.ts';
import { createPacker } from '../../functions/layer/pack/packer.ts';
import { localSource } from '../../functions/layer/source/source.ts';
import { sharedLayerThreads } from '../../functions/layer/threads/threads.ts';
import { zlibCompressor } from '../../functions/layer/compressors/zlib.ts';
import type { BlobStore, StoreNotice } from '../../functions/storage/blob-store.ts';
import { blobKey, knownBlobs } from '../../functions/storage/known-blobs.ts';
import { memoryStore } from '../../functions/storage/memory.ts';
import { blob, closurePath, listBlob, names, sha256, temporaryFolder, write } from './fixture.ts';

const folder = temporaryFolder();
const closure = [
  closurePath('libc', 3_000_000),
  closurePath('app', 3_000_000, ['libc', 'small-1']),
  closurePath('small-1', 10),
  closurePath('small-2', 20),
];
for (const { path } of closure) write(join(folder, path.slice('/nix/store/'.length)), { [path.slice(44)]: path });
const sourceOf = (path: string) => localSource(join(folder, path.slice('/nix/store/'.length)));
const root = (): RootDirectory => rootTree({ requested: [], propagated: [] }).root;

describe('the layers of an image', () => {
  it('are its paths as planned and the root on top, all of them in the store', async () => {
    const store = memoryStore();
    const { make } = createLayerMaker({ store, known: knownBlobs(store), compressor: zlibCompressor() });
    const { layers, stats } = await make({ closure, root }, { sourceOf });
    const listed: string[][] = [];
    for (const { descriptor, diffId } of layers) {
      const bytes = await blob(store, descriptor.digest);
      assert.equal(descriptor.digest, sha256(bytes));
      assert.equal(descriptor.size, bytes.length);
      assert.equal(diffId, sha256(gunzipSync(bytes)));
      assert.equal(descriptor.mediaType, 'application/vnd.oci.image.layer.v1.tar+gzip');
      listed.push(
        listBlob(bytes)
          .filter(({ type }) => type === 'file')
          .map(({ name }) => name.split('/').at(-1) ?? ''),
      );
    }
    assert.deepEqual(listed, [
      ['libc'],
      ['app'],
      ['small-1', 'small-2'],
      ['group', 'nsswitch.conf', 'os-release', 'passwd'],
    ]);
    assert.deepEqual([stats.pathsPacked, stats.pathsFound, stats.layersJoined], [4, 0, 1]);
    assert.equal(
      stats.imageBytes,
      layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    );
  });

  it('are made of what was packed ahead, and nothing is packed twice', async () => {
    const store = memoryStore();
    const { make, packAhead } = createLayerMaker({ store, known: knownBlobs(store), compressor: zlibCompressor() });
    const ahead = packAhead(closure.slice(1), { sourceOf });
    await ahead.ended();
    assert.equal((await names(store, 'contents')).length, 3);
    // Only what was not packed ahead is still looked for on the disk.
    const only = (path: string) => (path === closure[0]?.path ? sourceOf(path) : localSource(join(folder, 'nowhere')));
    const { stats } = await make({ closure, root }, { sourceOf: only, ahead });
    assert.deepEqual([stats.pathsPacked, stats.pathsFound], [4, 0]);
  });

  it('tell what was packed ahead from what had been there, also when it has ended', async () => {
    const store = memoryStore();
    const { make, packAhead } = createLayerMaker({ store, known: knownBlobs(store), compressor: zlibCompressor() });
    const [known, begun] = closure.slice(2).map((path) => [path]);
    assert.ok(known && begun);
    await make({ closure: known, root }, { sourceOf });
    const ahead = packAhead(begun, { sourceOf });
    await ahead.ended();
    const { stats } = await make({ closure, root }, { sourceOf, ahead });
    assert.deepEqual([stats.pathsPacked, stats.pathsFound], [3, 1]);
  });

  it('are not made of what was packed ahead with another content', async () => {
    const store = memoryStore();
    const { make, packAhead } = createLayerMaker({ store, known: knownBlobs(store), compressor: zlibCompressor() });
    const ahead = packAhead(closure, { sourceOf });
    await ahead.ended();
    const others = closure.map((path) => ({ ...path, narHash: `${path.narHash}-of-another` }));
    const { stats } = await make({ closure: others, root }, { sourceOf, ahead });
    assert.deepEqual([stats.pathsPacked, stats.pathsFound], [4, 0]);
    assert.equal((await names(store, 'contents')).length, 8);
  });

  it('fail at once, without waiting for what is packed ahead', { timeout: 10_000 }, async () => {
    const store = memoryStore();
    const { make } = createLayerMaker({ store, known: knownBlobs(store), compressor: zlibCompressor() });
    const never = new Promise<never>(() => undefined);
    const ahead: PackedAhead = {
      resultOf: () => undefined,
      groupOf: (group) => (group[0]?.path === closure[0]?.path ? never : undefined),
      ended: () => Promise.resolve(),
    };
    const nowhere = () => localSource(join(folder, 'nowhere'));
    await assert.rejects(make({ closure, root }, { sourceOf: nowhere, ahead }), { code: 'STORE_PATH_MISSING' });
    const grouped: PackedAhead = {
      resultOf: ({ path }) => (path === closure[2]?.path ? never : undefined),
      groupOf: () => undefined,
      ended: () => Promise.resolve(),
    };
    await assert.rejects(make({ closure, root }, { sourceOf: nowhere, ahead: grouped }), {
      code: 'STORE_PATH_MISSING',
    });
  });

  it('fail as packing ahead did, and what is packed ahead ends when it is no longer wanted', async () => {
    const store = memoryStore();
    const { make, packAhead } = createLayerMaker({ store, known: knownBlobs(store), compressor: zlibCompressor() });
    const ahead = packAhead(closure, { sourceOf: () => localSource(join(folder, 'nowhere')) });
    await assert.rejects(make({ closure, root }, { ahead }), { code: 'STORE_PATH_MISSING' });
    await ahead.ended();
    const stop = new AbortController();
    const other = packAhead(closure, { sourceOf, signal: stop.signal });
    stop.abort(new Error('no longer wanted'));
    await other.ended();
    assert.equal(store.stagedCount, 0);
    await assert.rejects(other.resultOf(closurePath('app')) ?? Promise.resolve(), /no longer wanted/);
  });

  it('are the same the second time, and nothing is packed or joined', async () => {
    const store = memoryStore();
    const into = () => ({ store, known: knownBlobs(store), compressor: zlibCompressor() });
    const first = await createLayerMaker(into()).make({ closure, root }, { sourceOf });
    const second = await createLayerMaker(into()).make(
      { closure: [...closure].reverse(), root },
      { sourceOf: () => localSource('/nowhere') },
    );
    assert.deepEqual(second.layers, first.layers);
    assert.deepEqual([second.stats.pathsPacked, second.stats.pathsFound, second.stats.layersJoined], [0, 4, 0]);
    assert.equal(second.stats.packedBytes, 0);
  });

  it('are mended when a packed path disappears behind a remembered blob', async () => {
    const store = memoryStore();
    const known = knownBlobs(store);
    const { make } = createLayerMaker({ store, known, compressor: zlibCompressor() });
    const first = await make({ closure, root }, { sourceOf });
    const joined = first.layers[2]?.descriptor.digest;
    assert.ok(joined);
    // All that were packed for the joined layer, and that layer itself; only its loss is noticed.
    const kept = new Set(first.layers.map(({ descriptor }) => blobKey(descriptor.digest)).toSpliced(2, 1));
    for await (const { key } of store.list('layers')) if (!kept.has(key)) await store.delete(key);
    known.forget(joined);
    const again = await make({ closure, root }, { sourceOf });
    assert.deepEqual(again.layers, first.layers);
    for (const { descriptor } of again.layers) assert.ok(await store.stat(blobKey(descriptor.digest)));
  });

  it('are mended when what a joined layer is copied from is broken, which is named', async () => {
    const notices: StoreNotice[] = [];
    const store: BlobStore = { ...memoryStore(), notice: (one) => void notices.push(one) };
    const compressor = zlibCompressor();
    const into = () => ({ store, known: knownBlobs(store), compressor });
    const { pack } = createPacker(into());
    const copied = await Promise.all(closure.slice(2).map((path) => pack(path, { source: sourceOf(path.path) })));
    const right = await createLayerMaker(into()).make({ closure, root }, { sourceOf });
    assert.equal(right.stats.layersJoined, 1);
    for (const { value } of copied) {
      const key = blobKey(value.digest);
      const wrong = await blob(store, value.digest);
      const middle = value.memberOffset + (value.memberBytes >> 1);
      wrong[middle] = (wrong[middle] ?? 0) ^ 1;
      const staging = await store.stage();
      await pipeline(Readable.from([wrong]), staging.writable);
      assert.equal(await staging.publish(key), 'replaced');
      // So that it is joined again.
      for (const join of right.sources.joins) await store.delete(join);

      const { layers, stats } = await createLayerMaker(into()).make({ closure, root }, { sourceOf });
      assert.deepEqual(layers, right.layers);
      assert.deepEqual([stats.pathsPacked, stats.layersJoined], [1, 1]);
      assert.deepEqual(
        notices.splice(0).map((notice) => [notice.kind, notice.key]),
        [['broken-blob', key]],
      );
      assert.equal(sha256(await blob(store, value.digest)), value.digest);
    }
  });

  it('fail with the first failure, and nothing goes on or is left staged', async () => {
    const store = memoryStore();
    let running = 0;
    let waited = 0;
    const threads = sharedLayerThreads('zlib');
    const { make } = createLayerMaker({
      store,
      known: knownBlobs(store),
      compressor: zlibCompressor(),
      threads: {
        ...threads,
        async pack(path, options) {
          const real = await threads.pack(path, options);
          return {
            ...real,
            async *[Symbol.asyncIterator]() {
              running++;
              try {
                for await (const piece of real) {
                  await sleep(600_000, undefined, { signal: options?.signal });
                  waited++;
                  yield piece;
                }
              } finally {
                running--;
              }
            },
          };
        },
      },
    });
    const broken = (path: string) => (path.endsWith('small-2') ? localSource(join(folder, 'missing')) : sourceOf(path));
    await assert.rejects(make({ closure, root }, { sourceOf: broken }), { code: 'STORE_PATH_MISSING' });
    assert.deepEqual([running, waited], [0, 0]);
    assert.equal(store.stagedCount, 0);
  });

  it('stop when they are no longer wanted', async () => {
    const store = memoryStore();
    const { make } = createLayerMaker({ store, known: knownBlobs(store), compressor: zlibCompressor() });
    const signal = AbortSignal.abort(new Error('the client left'));
    await assert.rejects(make({ closure, root }, { sourceOf, signal }), /the client left/);
    assert.deepEqual([store.stagedCount, ...(await names(store, 'layers'))], [0]);
  });
});
