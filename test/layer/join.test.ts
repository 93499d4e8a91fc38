import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { CompressorError } from '../../functions/layer/compressor-error.ts';
import { BlobGoneError, createJoiner, type Member } from '../../functions/layer/join.ts';
import { localSource } from '../../functions/layer/source/source.ts';
import { type LayerThreads, sharedLayerThreads } from '../../functions/layer/threads/threads.ts';
import { createPacker } from '../../functions/layer/pack/packer.ts';
import { zlibCompressor } from '../../functions/layer/compressors/zlib.ts';
import type { BlobStore } from '../../functions/storage/blob-store.ts';
import { blobKey, knownBlobs } from '../../functions/storage/known-blobs.ts';
import { memoryStore } from '../../functions/storage/memory.ts';
import { blob, closurePath, listBlob, names, sha256, temporaryFolder, write } from './fixture.ts';

const folder = temporaryFolder();
const compressor = zlibCompressor();

describe('a joiner', () => {
  const store = memoryStore();
  const known = knownBlobs(store);
  const packed: Member[] = [];
  before(async () => {
    const { pack } = createPacker({ store, known, compressor });
    for (const name of ['a', 'b', 'c']) {
      const location = write(join(folder, name), { [name]: name.repeat(100_000) });
      packed.push(await pack(closurePath(name), { source: localSource(location) }));
    }
  });

  it('makes one layer of several paths, in order, with digests that others compute too', async () => {
    const { value, made } = await createJoiner({ store, known, compressor })(packed);
    const bytes = await blob(store, value.digest);
    const tar = gunzipSync(bytes);
    assert.equal(made, true);
    assert.equal(value.digest, sha256(bytes));
    assert.equal(value.diffId, sha256(tar));
    assert.deepEqual([value.sizeBytes, value.uncompressedBytes], [bytes.length, tar.length]);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => closurePath(name).path.slice(1));
    assert.deepEqual(
      listBlob(bytes).map(({ name }) => name),
      ['.', 'nix', 'nix/store', a, `${a}/a`, b, `${b}/b`, c, `${c}/c`],
    );
    assert.equal(listBlob(bytes).at(-1)?.sha256, sha256(Buffer.from('c'.repeat(100_000))).slice('sha256:'.length));
  });

  describe('inflates', () => {
    const shared = sharedLayerThreads(compressor.name);
    let idle = false;
    let inThreads = 0;
    let openNow = 0;
    let mostOpen = 0;
    const threads: Pick<LayerThreads, 'inflate' | 'isIdle'> = {
      isIdle: () => idle,
      async inflate(options) {
        inThreads++;
        mostOpen = Math.max(mostOpen, ++openNow);
        const inflation = await shared.inflate(options);
        const close = async (): Promise<void> => {
          openNow--;
          await inflation.close();
        };
        return { ...inflation, close };
      },
    };
    const joiner = createJoiner({ store, known, compressor, threads });
    async function joined(paths: readonly Member[]): Promise<void> {
      const { value, made } = await joiner(paths);
      assert.equal(made, true);
      assert.equal(value.diffId, sha256(gunzipSync(await blob(store, value.digest))));
    }

    it('a large layer in a thread', async () => {
      const { pack } = createPacker({ store, known, compressor });
      const large = await Promise.all(
        ['x', 'y'].map(async (name) => {
          const location = write(join(folder, name), { [name]: randomBytes(3_000_000).toString('latin1') });
          return pack(closurePath(name), { source: localSource(location) });
        }),
      );
      await joined(large);
      assert.equal(inThreads, 1);
    });

    it('a long layer in a thread, however short it is when it is packed', async () => {
      const { pack } = createPacker({ store, known, compressor });
      const location = write(join(folder, 'zeros'), { zeros: '0'.repeat(9_000_000) });
      const long = await pack(closurePath('zeros'), { source: localSource(location) });
      assert.ok(long.value.memberBytes < 100_000);
      await joined([long, ...packed]);
      assert.equal(inThreads, 2);
    });

    it('a small layer where it is joined, but for threads that wait for work', async () => {
      await joined(packed.toReversed());
      assert.equal(inThreads, 2);
      idle = true;
      await joined(packed.slice(1));
      assert.equal(inThreads, 3);
    });

    it('a few small layers at once', async () => {
      const { pack } = createPacker({ store, known, compressor });
      const more = await Promise.all(
        Array.from({ length: 12 }, async (_, index) => {
          const name = `small-${index}`;
          const location = write(join(folder, name), { [name]: name });
          return pack(closurePath(name), { source: localSource(location) });
        }),
      );
      mostOpen = 0;
      await Promise.all(more.map((one) => joined([one, ...packed])));
      assert.ok(mostOpen > 1 && mostOpen <= 4, `${mostOpen} at once`);
      assert.equal(openNow, 0);
    });
  });

  it('joins once', async () => {
    const first = await createJoiner({ store, known, compressor })(packed);
    const reads = { count: 0 };
    const watched: BlobStore = {
      ...store,
      read: (key, options) => {
        reads.count++;
        return store.read(key, options);
      },
    };
    const again = await createJoiner({ store: watched, known, compressor })(packed);
    assert.deepEqual(again, { ...first, made: false });
    assert.equal(reads.count, 0);
  });

  it('joins once for all who want a layer at the same time, and keeps other orders apart', async () => {
    const join = createJoiner({ store, known, compressor });
    const pair = packed.slice(0, 2);
    const all = await Promise.all([join(pair), join(pair), join([...pair].reverse())]);
    assert.equal(all[0].value, all[1].value);
    assert.notEqual(all[2].value.digest, all[0].value.digest);
  });

  it('takes one path as it is', async () => {
    const before = await names(store, 'joins');
    const [first] = packed;
    assert.ok(first);
    assert.deepEqual(await createJoiner({ store, known, compressor })([first]), { value: first.value, made: false });
    assert.deepEqual(await names(store, 'joins'), before);
  });

  it('makes a layer of one path, and of paths in another order, that were packed together', async () => {
    const [alone, together] = await Promise.all(
      [false, true].map(async (inGroup) => {
        const own = memoryStore();
        const ownKnown = knownBlobs(own);
        const { pack, packGroup } = createPacker({ store: own, known: ownKnown, compressor });
        const paths = ['a', 'b', 'c'].map((name) => closurePath(name));
        const sourceOf = (path: string) => localSource(join(folder, path.slice(-1)));
        const members = inGroup
          ? (await packGroup(paths, { sourceOf }))?.members
          : await Promise.all(paths.map((path) => pack(path, { source: sourceOf(path.path) })));
        assert.ok(members);
        const joiner = createJoiner({ store: own, known: ownKnown, compressor });
        const layers = await Promise.all([
          joiner(members.slice(1, 2)),
          joiner(members.toReversed()),
          joiner(members.slice(1)),
        ]);
        return layers.map(({ value: { digest, sizeBytes, diffId, uncompressedBytes } }) => ({
          ...{ digest, sizeBytes, diffId, uncompressedBytes },
        }));
      }),
    );
    assert.equal(new Set(together?.map(({ digest }) => digest)).size, 3);
    assert.deepEqual(together, alone);
  });

  it('says which packed path is gone, forgets it, and leaves nothing behind', async () => {
    const other = memoryStore();
    const otherKnown = knownBlobs(other);
    const { pack } = createPacker({ store: other, known: otherKnown, compressor });
    const mine: Member[] = [];
    for (const name of ['a', 'b']) {
      mine.push(await pack(closurePath(name), { source: localSource(join(folder, name)) }));
    }
    const gone = mine[1];
    assert.ok(gone);
    await other.delete(blobKey(gone.value.digest));
    await assert.rejects(
      createJoiner({ store: other, known: otherKnown, compressor })(mine),
      (error) => error instanceof BlobGoneError && error.digest === gone.value.digest,
    );
    assert.equal(await otherKnown.has(gone.value.digest), false);
    assert.equal(other.stagedCount, 0);
    assert.deepEqual(await names(other, 'joins'), []);
  });

  it('fails on a member that is damaged, and leaves nothing behind', async () => {
    const [first, second, third] = packed;
    assert.ok(first && second && third);
    const layersBefore = await names(store, 'layers');
    const wrong = { ...second, value: { ...second.value, memberBytes: second.value.memberBytes - 5 } };
    await assert.rejects(createJoiner({ store, known, compressor })([third, first, wrong]), CompressorError);
    assert.equal(store.stagedCount, 0);
    assert.deepEqual(await names(store, 'layers'), layersBefore);
  });

  it('throws the reason of an abort', async () => {
    const signal = AbortSignal.abort(new Error('no longer wanted'));
    await assert.rejects(createJoiner({ store, known, compressor })(packed, { signal }), /no longer wanted/);
  });
});
