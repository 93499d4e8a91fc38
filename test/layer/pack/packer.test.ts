import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, linkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { CompressorIdentity } from '../../../functions/layer/compressor.ts';
import { findCompressor } from '../../../functions/layer/compressors/compressors.ts';
import { type LayerThreads, sharedLayerThreads } from '../../../functions/layer/threads/threads.ts';
import { isAlone } from '../../../functions/layer/packed-path.ts';
import { createPacker } from '../../../functions/layer/pack/packer.ts';
import { localSource, readTree } from '../../../functions/layer/source/source.ts';
import { byteString, StorePathError } from '../../../functions/layer/tree.ts';
import { zlibCompressor } from '../../../functions/layer/compressors/zlib.ts';
import type { BlobStore } from '../../../functions/storage/blob-store.ts';
import { blobKey, knownBlobs } from '../../../functions/storage/known-blobs.ts';
import { leases } from '../../../functions/storage/leases.ts';
import { memoryStore } from '../../../functions/storage/memory.ts';
import { objectKey } from '../../../functions/storage/object-key.ts';
import {
  blob,
  closurePath,
  link,
  listBlob,
  names,
  program,
  sha256,
  tarChunks,
  temporaryFolder,
  write,
} from '../fixture.ts';

const folder = temporaryFolder();
const HELLO = closurePath('hello-2.12');
const FILES = {
  bin: { hello: program('#!/bin/sh\necho hello\n') },
  empty: { deeper: {} },
  'caf\xe9': 'not UTF-8',
  [byteString('日本')]: 'UTF-8',
  share: { doc: 'text\n'.repeat(1000), dangling: link('/nowhere'), 'to-a-directory': link('../bin') },
  ['long'.repeat(60)]: { ['name'.repeat(30)]: 'deep' },
};
const location = write(join(folder, 'hello'), FILES);
const source = localSource(location);

type Threads = Pick<LayerThreads, 'pack' | 'packGroup'>;

function packerInto(store: BlobStore, { compressor = zlibCompressor(), threads }: PackWith = {}) {
  return createPacker({ store, known: knownBlobs(store), compressor, threads }).pack;
}
interface PackWith {
  readonly compressor?: CompressorIdentity;
  readonly threads?: Threads;
}

/** Threads that count how often they are used and can be made to wait. */
function counting(wait?: (signal: AbortSignal | undefined) => Promise<unknown>): Threads & { used: number } {
  return {
    used: 0,
    packGroup: (options) => sharedLayerThreads('zlib').packGroup(options),
    async pack(path, options) {
      this.used++;
      const real = await sharedLayerThreads('zlib').pack(path, options);
      return {
        ...real,
        async *[Symbol.asyncIterator]() {
          await wait?.(options?.signal);
          yield* real;
        },
      };
    },
  };
}

describe('a packed store path', () => {
  it('is the same when what lies there was read before, and is not read again', async () => {
    const tree = await readTree(source);
    const [read, known] = await Promise.all([
      packerInto(memoryStore())(HELLO, { source }),
      packerInto(memoryStore())(HELLO, { source: localSource(location, tree) }),
    ]);
    assert.deepEqual(known.value, read.value);
    assert.ok('entries' in tree);
    const store = memoryStore();
    const part = { entries: tree.entries.filter(([name]) => name === 'bin') };
    const { value } = await packerInto(store)(HELLO, { source: localSource(location, part) });
    const listed = listBlob(await blob(store, value.digest)).map(({ name }) => name);
    assert.deepEqual(listed.slice(-2), [`${HELLO.path.slice(1)}/bin`, `${HELLO.path.slice(1)}/bin/hello`]);
  });

  it('is a layer that python reads as what was on the disk', async () => {
    const store = memoryStore();
    const { value, made } = await packerInto(store)(HELLO, { source });
    assert.equal(made, true);
    const bytes = await blob(store, value.digest);
    const base = HELLO.path.slice(1);
    const listed = listBlob(bytes);
    assert.deepEqual(
      listed.map(({ name, type, mode, target }) => [name, type, mode.toString(8), target]),
      [
        ['.', 'directory', '755', ''],
        ['nix', 'directory', '755', ''],
        ['nix/store', 'directory', '755', ''],
        [base, 'directory', '555', ''],
        [`${base}/bin`, 'directory', '555', ''],
        [`${base}/bin/hello`, 'file', '555', ''],
        [`${base}/caf\xe9`, 'file', '444', ''],
        [`${base}/empty`, 'directory', '555', ''],
        [`${base}/empty/deeper`, 'directory', '555', ''],
        [`${base}/${'long'.repeat(60)}`, 'directory', '555', ''],
        [`${base}/${'long'.repeat(60)}/${'name'.repeat(30)}`, 'file', '444', ''],
        [`${base}/share`, 'directory', '555', ''],
        [`${base}/share/dangling`, 'symlink', '777', '/nowhere'],
        [`${base}/share/doc`, 'file', '444', ''],
        [`${base}/share/to-a-directory`, 'symlink', '777', '../bin'],
        [`${base}/${byteString('日本')}`, 'file', '444', ''],
      ],
    );
    const doc = listed.find(({ name }) => name.endsWith('/share/doc'));
    assert.equal(`sha256:${String(doc?.sha256)}`, sha256(Buffer.from('text\n'.repeat(1000))));
    assert.ok(listed.every(({ uid, gid, mtime }) => uid === 0 && gid === 0 && mtime === 1));
  });

  it('has the digests, lengths and offsets that its record says', async () => {
    for (const name of ['zlib', 'igzip'] as const) {
      const store = memoryStore();
      const big = write(join(folder, `big-${name}`), { big: Buffer.alloc(1_500_000, 'abcdefg\n'), small: 'x' });
      for (const place of [location, big]) {
        const { value } = await packerInto(store, { compressor: findCompressor(name) })(
          closurePath(`at-${place.length}`),
          {
            source: localSource(place),
          },
        );
        const bytes = await blob(store, value.digest);
        const tar = gunzipSync(bytes);
        assert.ok(isAlone(value));
        assert.equal(value.digest, sha256(bytes));
        assert.equal(value.sizeBytes, bytes.length);
        assert.equal(value.diffId, sha256(tar));
        assert.equal(value.uncompressedBytes, tar.length);
        const member = gunzipSync(bytes.subarray(value.memberOffset, value.memberOffset + value.memberBytes));
        assert.ok(member.equals(tar.subarray(3 * 512, -1024)));
        assert.ok(tar.subarray(-1024).equals(Buffer.alloc(1024)));
      }
    }
  });

  it('has the same bytes for ever', async () => {
    const { value } = await packerInto(memoryStore())(HELLO, { source });
    assert.ok(isAlone(value));
    assert.equal(value.diffId, 'sha256:0d3e6f98539f4c1fd98e5dcb28f19c8025d18948b9ce05c32de83495c3a25ea2');
    const big = write(join(folder, 'golden'), { big: Buffer.alloc(1_500_000, 'abcdefg\n') });
    const igzip = findCompressor('igzip');
    if (!igzip.version.startsWith('2.0.30,') || process.arch !== 'x64') return;
    assert.equal(
      (await packerInto(memoryStore(), { compressor: igzip })(HELLO, { source: localSource(big) })).value.digest,
      'sha256:ecaf43f7899c9e00d357df1081718232dd6a9d93eb7a03e1c4ffa0e3b6edbd07',
    );
  });

  it('does not depend on times, owners, modes, hard links, or the order in which files were made', async () => {
    const one = write(join(folder, 'one'), { a: 'same', b: 'same', z: program('run') });
    await sleep(1_100);
    const other = write(join(folder, 'other'), { z: program('run'), b: 'same' });
    linkSync(join(other, 'b'), join(other, 'a'));
    utimesSync(join(other, 'b'), 1_000_000, 1_000_000);
    chmodSync(join(other, 'z'), 0o6755);
    chmodSync(join(other, 'b'), 0o600);
    const pack = (location: string) => packerInto(memoryStore())(HELLO, { source: localSource(location) });
    assert.deepEqual((await pack(other)).value, (await pack(one)).value);
  });

  it('can be a file or a link', async () => {
    const store = memoryStore();
    const root = write(join(folder, 'kinds'), { file: 'text', link: link('file') });
    for (const [name, type] of [
      ['file', 'file'],
      ['link', 'symlink'],
    ] as const) {
      const { value } = await packerInto(store)(closurePath(name), { source: localSource(join(root, name)) });
      const last = listBlob(await blob(store, value.digest)).at(-1);
      assert.deepEqual([last?.name, last?.type], [closurePath(name).path.slice(1), type]);
    }
  });
});

describe('a packer', () => {
  it('packs a path once per store, whoever asks', async () => {
    const store = memoryStore();
    const threads = counting();
    const first = await packerInto(store, { threads })(HELLO, { source });
    const again = await packerInto(store, { threads })(HELLO, { source: localSource('/nowhere') });
    assert.deepEqual(again, { ...first, made: false });
    assert.equal(threads.used, 1);
  });

  it('packs once for all who want a path at the same time', async () => {
    const threads = counting(() => sleep(20));
    const pack = packerInto(memoryStore(), { threads });
    const all = await Promise.all(Array.from({ length: 5 }, () => pack(HELLO, { source })));
    assert.equal(threads.used, 1);
    assert.equal(new Set(all.map(({ value }) => value)).size, 1);
  });

  it('keeps apart other compressors, paths and contents', async () => {
    const store = memoryStore();
    const zlib = zlibCompressor();
    await packerInto(store, { compressor: zlib })(HELLO, { source });
    await packerInto(store, { compressor: { ...zlib, version: 'next' } })(HELLO, { source });
    await packerInto(store, { compressor: { ...zlib, level: 5 } })(HELLO, { source });
    await packerInto(store, { compressor: zlib })({ ...HELLO, narHash: 'sha256-other' }, { source });
    await packerInto(store, { compressor: zlib })(closurePath('other'), { source });
    assert.equal((await names(store, 'contents')).length, 5);
  });

  it('of several instances packs a large path once, and a small one without asking others', async () => {
    const store = memoryStore();
    const log = { warn: () => undefined };
    const counts = [counting(() => sleep(300)), counting(() => sleep(300))];
    const packers = counts.map(
      (threads) =>
        createPacker({
          ...{ store, known: knownBlobs(store), compressor: zlibCompressor(), threads },
          leases: leases({ store, log, leaseMs: 2_000, renewMs: 100 }),
        }).pack,
    );
    const used = () => counts.map((one) => one.used).reduce((sum, one) => sum + one);
    const large = { ...HELLO, narSizeBytes: 8_000_000 };
    const results = await Promise.all(packers.map((pack) => pack(large, { source })));
    assert.equal(used(), 1);
    assert.deepEqual(results.map(({ made }) => made).sort(), [false, true]);
    assert.deepEqual(results[0]?.value, results[1]?.value);
    assert.deepEqual(await Array.fromAsync(store.list('locks')), []);
    await Promise.all(packers.map((pack) => pack(closurePath('small', 7_999_999), { source })));
    assert.equal(used(), 3);
  });

  it('packs again when the blob is gone', async () => {
    const store = memoryStore();
    const first = await packerInto(store)(HELLO, { source });
    await store.delete(blobKey(first.value.digest));
    const again = await packerInto(store)(HELLO, { source });
    assert.deepEqual(again, { ...first, made: true });
    assert.ok(await store.stat(blobKey(first.value.digest)));
  });

  it('replaces a record whose blob is gone and cannot be made again', async () => {
    const store = memoryStore();
    const first = await packerInto(store)(HELLO, { source });
    await store.delete(blobKey(first.value.digest));
    const changed = write(join(folder, 'changed'), { other: 'content' });
    const again = await packerInto(store)(HELLO, { source: localSource(changed) });
    assert.notEqual(again.value.digest, first.value.digest);
    assert.deepEqual((await packerInto(store)(HELLO, { source: localSource('/nowhere') })).value, again.value);
  });

  it('replaces a record that is broken', async () => {
    const store = memoryStore();
    const first = await packerInto(store)(HELLO, { source });
    const [key = ''] = await names(store, 'contents');
    const record = objectKey('contents', key.slice('contents/'.length));
    const stored = await store.readRecord(record);
    assert.ok(stored && (await store.replaceRecord(record, Buffer.from('{"format":0}'), stored.generation)));
    assert.deepEqual((await packerInto(store)(HELLO, { source })).value, first.value);
    assert.deepEqual((await packerInto(store)(HELLO, { source: localSource('/nowhere') })).made, false);
  });

  it("goes on with the winner's record when another process was faster", async () => {
    const store = memoryStore();
    const other = write(join(folder, 'winner'), { winner: 'content' });
    let winner: string | undefined;
    const slow = counting(async () => {
      winner = (await packerInto(store)(HELLO, { source: localSource(other) })).value.digest;
    });
    const { value } = await packerInto(store, { threads: slow })(HELLO, { source });
    assert.equal(value.digest, winner);
  });

  it('leaves nothing behind when it is aborted', async () => {
    const store = memoryStore();
    const stop = new AbortController();
    const reached = Promise.withResolvers<undefined>();
    const waiting = counting((signal) => {
      reached.resolve(undefined);
      return sleep(10_000, undefined, { signal });
    });
    const packing = packerInto(store, { threads: waiting })(HELLO, { source, signal: stop.signal });
    await reached.promise;
    assert.equal(store.stagedCount, 1);
    stop.abort(new Error('the client left'));
    await assert.rejects(packing, /the client left/);
    assert.equal(store.stagedCount, 0);
    assert.deepEqual([...(await names(store, 'layers')), ...(await names(store, 'contents'))], []);
  });

  it('leaves nothing behind when a file changes while it is read', async () => {
    const store = memoryStore();
    // Longer than what a thread reads ahead, and as long when it is compressed.
    const changing = write(join(folder, 'changing'), { file: randomBytes(8_000_000) });
    const threads: Threads = {
      ...sharedLayerThreads('zlib'),
      async pack(path, options) {
        const real = await sharedLayerThreads('zlib').pack(path, options);
        return {
          ...real,
          async *[Symbol.asyncIterator]() {
            for await (const piece of real) {
              appendFileSync(join(changing, 'file'), 'more');
              yield piece;
            }
          },
        };
      },
    };
    await assert.rejects(
      packerInto(store, { threads })(HELLO, { source: localSource(changing) }),
      (error) => error instanceof StorePathError && /file changed while it was read/.test(error.message),
    );
    assert.equal(store.stagedCount, 0);
    assert.deepEqual(await names(store, 'layers'), []);
  });
});

describe('memberTar', () => {
  it('notices files that grew, shrank or are as long as a chunk', async () => {
    for (const size of [0, 1, 100, 256 * 1024 - 512, 256 * 1024, 256 * 1024 + 1, 1_000_000]) {
      const place = write(join(folder, `size-${size}`), { file: Buffer.alloc(size, 'x') });
      const source = localSource(place, await readTree(localSource(place)));
      const { length } = Buffer.concat(await tarChunks('x', source));
      assert.equal(length, 1024 + Math.ceil(size / 512) * 512);
      for (const now of [size + 1, size - 1].filter((one) => one >= 0)) {
        writeFileSync(join(place, 'file'), Buffer.alloc(now, 'x'));
        await assert.rejects(tarChunks('x', source), StorePathError, `${size} to ${now}`);
      }
    }
  });

  it('refuses names that delete files when they are in a layer', async () => {
    const place = write(join(folder, 'whiteout'), { deep: { '.wh.passwd': '' } });
    await assert.rejects(tarChunks('x', localSource(place)), {
      code: 'UNFIT_FOR_IMAGE',
      message: /^\/x\/deep\/\.wh\.passwd cannot be in an image: .* Its package has to give it another name$/,
    });
  });
});
