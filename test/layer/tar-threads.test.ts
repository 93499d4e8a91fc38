import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { SMALL_BYTES } from '../../functions/layer/compressor.ts';
import { HEAD, TAIL } from '../../functions/layer/frame.ts';
import { tarThreads } from '../../functions/layer/tar-threads.ts';
import { StorePathError, StorePathMissingError } from '../../functions/layer/tree.ts';
import { sha256, temporaryFolder, write } from './fixture.ts';

const folder = temporaryFolder();
const small = write(join(folder, 'small'), { file: 'text', other: 'x'.repeat(1000) });
const large = write(join(folder, 'large'), { file: Buffer.alloc(3 * SMALL_BYTES, 'abc\n'), other: 'text' });

describe('threads that read store paths', () => {
  it('give the same bytes in each of the three ways, and the digest of the layer', async () => {
    const threads = tarThreads(1);
    for (const location of [small, large]) {
      const read = await threads.open({ name: 'x', location });
      const chunks: Buffer[] = [];
      for await (const chunk of read) chunks.push(Buffer.from(chunk));
      const tar = Buffer.concat(chunks);
      const totals = read.totals();
      const layer = Buffer.concat([HEAD.tar, tar, TAIL.tar]);
      assert.deepEqual(totals, { sha256: sha256(layer).slice('sha256:'.length), uncompressedBytes: layer.length });

      const written = await threads.open({ name: 'x', location });
      const file = openSync(join(folder, 'written'), 'w');
      await written.writeTo(file);
      closeSync(file);
      assert.ok(readFileSync(join(folder, 'written')).equals(tar));
      assert.deepEqual(written.totals(), totals);

      const again = await threads.open({ name: 'x', location });
      assert.equal(again.smallBytes, location === small ? tar.length : undefined);
      if (location === small) {
        assert.ok(gunzipSync(await again.gzip(4)).equals(tar));
        assert.deepEqual(again.totals(), totals);
      } else await again.close();
    }
  });

  it('keep what errors are and say', async () => {
    const threads = tarThreads(1);
    await assert.rejects(
      threads.open({ name: 'x', location: join(folder, 'nowhere') }),
      (error) => error instanceof StorePathMissingError && error.message === `${folder}/nowhere is not on this machine`,
    );
    const whiteout = write(join(folder, 'whiteout'), { '.wh.file': '' });
    await assert.rejects(
      threads.open({ name: 'x', location: whiteout }),
      (error) => error instanceof StorePathError && error.location === `${whiteout}/.wh.file`,
    );
    await assert.rejects(threads.open({ name: 'x', location: join(small, 'file', 'below') }), { code: 'ENOTDIR' });
  });

  it('are given back by a path that is closed before its end, or no longer wanted', async () => {
    const threads = tarThreads(1);
    const closed = await threads.open({ name: 'x', location: large });
    await closed.close();
    await assert.rejects(closed.writeTo(0), /is closed/);
    const stop = new AbortController();
    const open = await threads.open({ name: 'x', location: small });
    const waiting = threads.open({ name: 'x', location: small }, { signal: stop.signal });
    const next = threads.open({ name: 'x', location: small });
    await sleep(10);
    stop.abort(new Error('no longer wanted'));
    await assert.rejects(waiting, /no longer wanted/);
    await open.close();
    await (await next).close();
  });

  it('do not keep a process from ending, used or not', async () => {
    const script = `
      import { tarThreads } from '${new URL('../../functions/layer/tar-threads.ts', import.meta.url).href}';
      await (await tarThreads(2).open({ name: 'x', location: '${small}' })).gzip(4);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore', timeout: 30_000 });
    assert.deepEqual(await once(child, 'close'), [0, null]);
  });

  it('are replaced when they die, which fails what they were doing', async () => {
    const entry = join(folder, 'dying.mjs');
    writeFileSync(
      entry,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', ({ location }) => {
         if (location === 'die') throw new Error('no memory left');
         parentPort.postMessage({ kind: 'opened', smallBytes: 1 });
       });`,
    );
    const threads = tarThreads(1, pathToFileURL(entry));
    const dying = threads.open({ name: 'x', location: 'die' });
    const next = threads.open({ name: 'x', location: 'live' });
    await assert.rejects(dying, /the thread that reads store paths has ended: no memory left/);
    assert.equal((await next).smallBytes, 1);
  });
});
