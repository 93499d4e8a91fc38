import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { CompressorError } from '../../../functions/layer/compressor-error.ts';
import { HEAD, TAIL } from '../../../functions/layer/frame/frame.ts';
import { localSource } from '../../../functions/layer/source/source.ts';
import { layerThreads } from '../../../functions/layer/threads/threads.ts';
import type { NamedSource, Packing } from '../../../functions/layer/thread-work.ts';
import { StorePathMissingError, UnfitForImageError } from '../../../functions/layer/tree.ts';
import { sha256, temporaryFolder, write } from '../fixture.ts';

const folder = temporaryFolder();
const small = write(join(folder, 'small'), { file: 'text', other: 'x'.repeat(1000) });
/** Several pieces long also when it is compressed. */
const large = write(join(folder, 'large'), { file: noise(3_000_000), other: 'text' });

function at(location: string): NamedSource {
  return { name: 'x', source: localSource(location) };
}

function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

async function read(packing: Packing): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of packing) {
    const copy = Buffer.from(piece);
    // The thread works on meanwhile, and must not touch what was given out.
    await sleep(5);
    assert.ok(piece.equals(copy));
    pieces.push(copy);
  }
  return Buffer.concat(pieces);
}

for (const compressor of ['igzip', 'zlib'] as const) {
  describe(`threads that make layers with ${compressor}`, () => {
    it('pack store paths, several at once and one after the other, and say their digests', async () => {
      const threads = layerThreads(compressor, 2);
      const blobs = await Promise.all(
        [large, small, large, small, small].map(async (location) => {
          const packing = await threads.pack(at(location));
          const blob = await read(packing);
          const tar = gunzipSync(blob);
          assert.deepEqual(packing.totals(), {
            sha256: sha256(tar).slice('sha256:'.length),
            uncompressedBytes: tar.length,
            memberBytes: blob.length - HEAD.gzip.length - TAIL.gzip.length,
            memberTarBytes: tar.length - HEAD.tar.length - TAIL.tar.length,
          });
          await packing.close();
          return blob;
        }),
      );
      assert.ok(blobs[0]?.equals(blobs[2] ?? Buffer.of()));
      assert.ok(blobs[1]?.equals(blobs[3] ?? Buffer.of()));
    });

    it('inflate the members of a layer, however they are cut', async () => {
      const threads = layerThreads(compressor, 1);
      const members: Buffer[] = [];
      for (const location of [small, large]) {
        const packing = await threads.pack(at(location));
        members.push((await read(packing)).subarray(HEAD.gzip.length, -TAIL.gzip.length));
      }
      const tar = Buffer.concat([HEAD.tar, ...members.map((member) => gunzipSync(member)), TAIL.tar]);
      for (const length of [1000, 400_000, 10_000_000]) {
        const inflation = await threads.inflate();
        for (const member of members) {
          for (let start = 0; start < member.length; start += length) {
            const bytes = Buffer.from(member.subarray(start, start + length));
            await inflation.write(bytes);
            bytes.fill(0);
          }
          await inflation.endMember();
        }
        const totals = await inflation.end();
        assert.deepEqual(totals, { sha256: sha256(tar).slice('sha256:'.length), uncompressedBytes: tar.length });
        await inflation.close();
      }
    });

    it('say that a member is damaged, and work again', async () => {
      const threads = layerThreads(compressor, 1);
      const inflation = await threads.inflate();
      await inflation.write(Buffer.from('this is not what a compressor makes'));
      await assert.rejects(async () => {
        await inflation.endMember();
        await inflation.end();
      }, CompressorError);
      await inflation.close();
      assert.ok((await read(await threads.pack(at(small)))).length > 0);
    });
  });
}

describe('threads that make layers', () => {
  it('keep what errors are and say', async () => {
    const threads = layerThreads('igzip', 1);
    const readAt = async (location: string) => read(await threads.pack(at(location)));
    await assert.rejects(
      readAt(join(folder, 'nowhere')),
      (error) => error instanceof StorePathMissingError && error.message === `${folder}/nowhere is not on this machine`,
    );
    const whiteout = write(join(folder, 'whiteout'), { '.wh.file': '' });
    await assert.rejects(
      readAt(whiteout),
      (error) => error instanceof UnfitForImageError && error.location === '/x/.wh.file',
    );
    await assert.rejects(readAt(join(small, 'file', 'below')), { code: 'ENOTDIR' });
  });

  it('are given back by what is closed before its end, or no longer wanted', async () => {
    const threads = layerThreads('igzip', 1);
    const unread = await threads.pack(at(large));
    await unread.close();
    assert.throws(() => unread.totals(), /was not read to its end/);
    for await (const piece of await threads.pack(at(large))) {
      assert.ok(piece.length > 0);
      break; // and nobody closes it: the next waits.
    }
    const stop = new AbortController();
    const waiting = threads.pack(at(small), { signal: stop.signal });
    setTimeout(() => {
      stop.abort(new Error('no longer wanted'));
    }, 10);
    await assert.rejects(waiting, /no longer wanted/);

    const others = layerThreads('igzip', 1);
    const open = await others.inflate();
    const next = others.pack(at(small));
    await sleep(10);
    await open.close();
    assert.ok((await read(await next)).length > 0);
  });

  it('are given back whole by a group that is closed while it opens', { timeout: 20_000 }, async () => {
    const threads = layerThreads('igzip', 1);
    const whole = await read(await threads.pack(at(small)));
    for (let times = 0; times < 20; times++) {
      const group = await threads.packGroup();
      const packing = group.pack([() => at(small)], () => Promise.resolve());
      const reading = assert.rejects(packing, /this is over|cancelled/);
      await Promise.all([group.close(), group.close(), reading]);
      assert.ok((await read(await threads.pack(at(small)))).equals(whole));
    }
  });

  it('stop what they do when it is no longer wanted', async () => {
    const threads = layerThreads('igzip', 1);
    const stop = new AbortController();
    const packing = await threads.pack(at(large), { signal: stop.signal });
    await assert.rejects(async () => {
      for await (const piece of packing) {
        assert.ok(piece.length > 0);
        stop.abort(new Error('no longer wanted'));
      }
    }, /no longer wanted/);
    await packing.close();
    assert.ok((await read(await threads.pack(at(small)))).length > 0);
  });

  it('warm up, and work as before', async () => {
    const threads = layerThreads('igzip', 2);
    await threads.warmUp();
    const [one, other] = await Promise.all(
      [small, small].map(async (location) => read(await threads.pack(at(location)))),
    );
    assert.ok(one?.equals(other ?? Buffer.of()));
  });

  it('are not waited for when somebody wants one while they warm up', { timeout: 20_000 }, async () => {
    const [entry, warming] = [join(folder, 'endless.mjs'), join(folder, 'warming')];
    writeFileSync(
      entry,
      `import { writeFileSync } from 'node:fs';
       import { parentPort, workerData } from 'node:worker_threads';
       parentPort.postMessage({ kind: 'ready' });
       parentPort.on('message', ({ kind, name }) => {
         if (name !== 'warm-up') {
           parentPort.postMessage({ kind: 'piece', window: 0, bytes: 7, member: {}, totals: {} });
           return;
         }
         writeFileSync('${warming}', '');
         const pause = new Int32Array(new SharedArrayBuffer(4));
         const isCancelled = () => Atomics.load(workerData.cancelled, 0) !== 0;
         // Until it is cancelled, or for 5 s.
         for (let times = 0; times < 1000 && !isCancelled(); times++) Atomics.wait(pause, 0, 0, 5);
         const message = isCancelled() ? 'cancelled' : 'nobody cancelled it';
         parentPort.postMessage({ kind: 'failed', error: { kind: 'other', message } });
       });`,
    );
    const threads = layerThreads('igzip', 1, pathToFileURL(entry));
    const warm = threads.warmUp();
    while (!existsSync(warming)) await sleep(5);
    assert.equal(threads.isIdle(), false);
    const blob = await read(await threads.pack(at(small)));
    assert.equal(blob.length, HEAD.gzip.length + 7 + TAIL.gzip.length);
    await warm;
    assert.equal(threads.isIdle(), true);
  });

  it('start no more when they are told to settle while they warm up', async () => {
    const [entry, starts] = [join(folder, 'counted.mjs'), join(folder, 'starts')];
    writeFileSync(
      entry,
      `import { appendFileSync } from 'node:fs';
       import { parentPort } from 'node:worker_threads';
       appendFileSync('${starts}', '.');
       parentPort.postMessage({ kind: 'ready' });
       parentPort.on('message', () => parentPort.postMessage({ kind: 'piece', window: 0, bytes: 1, member: {}, totals: {} }));`,
    );
    const startsOf = async (settle: boolean): Promise<number> => {
      rmSync(starts, { force: true });
      const threads = layerThreads('igzip', 4, pathToFileURL(entry));
      const warm = threads.warmUp();
      if (settle) await threads.settled();
      await warm;
      return readFileSync(starts, 'utf8').length;
    };
    assert.equal(await startsOf(false), 4);
    assert.equal(await startsOf(true), 1);
  });

  it('have started when they have settled', async () => {
    const [entry, ready] = [join(folder, 'slow.mjs'), join(folder, 'ready')];
    writeFileSync(
      entry,
      `import { writeFileSync } from 'node:fs';
       import { parentPort } from 'node:worker_threads';
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
       writeFileSync('${ready}', '');
       parentPort.postMessage({ kind: 'ready' });
       parentPort.on('message', () => parentPort.postMessage({ kind: 'piece', window: 0, bytes: 1, member: {}, totals: {} }));`,
    );
    const threads = layerThreads('igzip', 2, pathToFileURL(entry));
    const warm = threads.warmUp();
    await threads.settled();
    assert.ok(existsSync(ready));
    await warm;
  });

  const program = new URL('../../../functions/layer/threads/threads.ts', import.meta.url).href;
  for (const [how, script] of [
    ['unused', `layerThreads('igzip', 2);`],
    ['while they warm up', `void layerThreads('igzip', 2).warmUp();`],
    [
      'used',
      `const packing = await layerThreads('igzip', 2).pack({ name: 'x', source: { kind: 'local', location: '${small}' } });
       for await (const piece of packing) if (piece.length === 0) throw new Error('empty');`,
    ],
    [
      'told to end while they start',
      `const threads = layerThreads('igzip', 2);
       void threads.warmUp();
       await threads.settled();
       process.exit();`,
    ],
  ] as const) {
    it(`do not keep a process from ending well: ${how}`, async () => {
      const code = `import { layerThreads } from '${program}';\n${script}`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore', timeout: 30_000 });
      assert.deepEqual(await once(child, 'close'), [0, null]);
    });
  }

  it('are replaced when they die, which fails what they were doing', async () => {
    const entry = join(folder, 'dying.mjs');
    writeFileSync(
      entry,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', ({ source }) => {
         if (source.location === 'die') throw new Error('no memory left');
         const totals = { sha256: '', uncompressedBytes: 0 };
         const member = { memberBytes: 0, memberTarBytes: 0 };
         parentPort.postMessage({ kind: 'piece', window: 0, bytes: 7, member, totals });
       });`,
    );
    const threads = layerThreads('igzip', 1, pathToFileURL(entry));
    const dying = threads.pack(at('die'));
    const next = threads.pack(at('live'));
    await assert.rejects(
      dying.then((packing) => read(packing)),
      /the thread that makes layers has ended: no memory left/,
    );
    assert.equal((await read(await next)).length, HEAD.gzip.length + 7 + TAIL.gzip.length);
  });
});
