import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { type Chunks, type Compressor, SMALL_BYTES } from '../../functions/layer/compressor.ts';
import { CompressorError, CompressorMissingError } from '../../functions/layer/compressor-error.ts';
import { findCompressor } from '../../functions/layer/find-compressor.ts';
import { storedMember } from '../../functions/layer/gzip-member.ts';
import { igzipCompressor } from '../../functions/layer/igzip.ts';
import { sha256, temporaryFolder } from './fixture.ts';

/** Looks random and is always the same; half of it can be compressed. */
function sample(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = index % 2 === 0 ? 65 + (index % 26) : state >>> 24;
  }
  return bytes;
}

/** Cuts into chunks of this length in one piece of memory, as a packer does. */
function* cut(bytes: Buffer, length: number): Generator<Buffer> {
  const chunk = Buffer.alloc(length);
  for (let offset = 0; offset < bytes.length; offset += length) {
    yield chunk.subarray(0, bytes.copy(chunk, 0, offset, offset + length));
    chunk.fill('?');
  }
}

async function compressed(compressor: Compressor, chunks: Chunks, signal?: AbortSignal): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of compressor.compress(chunks, { signal })) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

for (const name of ['igzip', 'zlib'] as const) {
  describe(`${name} as a compressor`, async () => {
    const compressor = await findCompressor(name);

    it('makes the same bytes however the input is cut, and whenever', async () => {
      for (const length of [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 3_000_000]) {
        const input = sample(length);
        const digests = new Set<string>();
        for (const chunkLength of [777, 65_536, 4_000_000]) {
          digests.add(sha256(await compressed(compressor, cut(input, chunkLength))));
        }
        // igzip's header has the time in whole seconds, unless it is told not to.
        if (length > SMALL_BYTES) await sleep(2_100);
        const output = await compressed(compressor, [input]);
        digests.add(sha256(output));
        assert.equal(digests.size, 1, `${length} bytes`);
        assert.ok(gunzipSync(output).equals(input));
        assert.equal(output.toString('hex', 4, 8), '00000000', 'no time');
        assert.equal(output[3], 0, 'no name');
      }
    });

    it('works for several at once', async () => {
      const inputs = Array.from({ length: 8 }, (_, index) => sample(1_600_000 + index));
      const outputs = await Promise.all(inputs.map((input) => compressed(compressor, cut(input, 50_000))));
      inputs.forEach((input, index) => {
        assert.ok(gunzipSync(outputs[index] ?? '').equals(input));
      });
    });

    it("throws the source's error, closes the source, and works again", async () => {
      let closed = false;
      function* failing() {
        try {
          yield sample(1_400_000);
          yield sample(400_000);
          throw new Error('the source is broken');
        } finally {
          closed = true;
        }
      }
      await assert.rejects(compressed(compressor, failing()), /the source is broken/);
      assert.equal(closed, true);
      assert.equal((await compressed(compressor, [sample(1_300_000)])).length > 0, true);
    });

    it('throws the reason of an abort and closes the source', async () => {
      const stop = new AbortController();
      let closed = false;
      async function* slow() {
        try {
          for (;;) {
            yield sample(400_000);
            await sleep(1);
          }
        } finally {
          closed = true;
        }
      }
      setTimeout(() => {
        stop.abort(new Error('no longer wanted'));
      }, 50);
      await assert.rejects(compressed(compressor, slow(), stop.signal), /no longer wanted/);
      assert.equal(closed, true);
    });

    it('closes the source when nobody reads on', async () => {
      let closed = false;
      function* endless() {
        try {
          for (;;) yield sample(300_000);
        } finally {
          closed = true;
        }
      }
      for await (const part of compressor.compress(endless())) {
        assert.ok(part.length > 0);
        break;
      }
      assert.equal(closed, true);
    });

    it('has names for keys', () => {
      assert.equal(compressor.name, name);
      assert.match(compressor.version, /\d+\.\d+/);
      assert.equal(compressor.architecture, process.arch);
    });
  });
}

describe('igzip that fails', () => {
  const folder = temporaryFolder();
  function fake(name: string, body: string): string {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\nif [ "$1" = --version ]; then echo igzip 2.30.0; exit; fi\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  it('says how to install it when it is not there', async () => {
    await assert.rejects(
      igzipCompressor({ command: join(folder, 'nowhere') }),
      (error) => error instanceof CompressorMissingError && error.message.includes('apt-get install isal'),
    );
  });

  it('says what it wrote to stderr when it exits early', async () => {
    const compressor = await igzipCompressor({ command: fake('early', 'echo no memory left >&2; exit 3') });
    await assert.rejects(
      compressed(compressor, cut(sample(2_000_000), 100_000)),
      (error) => error instanceof CompressorError && /exited with 3: no memory left/.test(error.message),
    );
  });

  it('is not believed when it fails at its end', async () => {
    const compressor = await igzipCompressor({ command: fake('late', 'cat; exit 1') });
    await assert.rejects(compressed(compressor, cut(sample(2_000_000), 100_000)), CompressorError);
  });

  it('may flood stderr without hanging', async () => {
    const flood = 'i=0; while [ $i -lt 20000 ]; do echo "a line of noise" >&2; i=$((i + 1)); done; cat';
    const compressor = await igzipCompressor({ command: fake('flood', flood) });
    const input = sample(1_500_000);
    assert.ok((await compressed(compressor, [input])).equals(input));
  });
});

describe('a process with igzip', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    it(`leaves no process and no folder behind when ${signal} ends it and its group`, async () => {
      const folder = temporaryFolder();
      const script = `
        import { igzipCompressor } from '${new URL('../../functions/layer/igzip.ts', import.meta.url).href}';
        const compressor = await igzipCompressor();
        setInterval(() => {}, 1000);
        async function* endless() { for (;;) { yield Buffer.alloc(2_000_000); await new Promise((done) => setTimeout(done, 5)); } }
        let said = false;
        for await (const chunk of compressor.compress(endless())) { if (!said) console.log('busy'); said = true; }`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        env: { ...process.env, TMPDIR: folder },
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true,
      });
      await once(child.stdout, 'data');
      assert.ok(readdirSync(folder).length > 0);
      // SIGKILL reaches this process alone, as the kernel sends it when memory is short.
      process.kill(signal === 'SIGKILL' ? Number(child.pid) : -Number(child.pid), signal);
      await once(child, 'close');
      for (let attempt = 0; readdirSync(folder).length > 0 && attempt < 200; attempt++) await sleep(50);
      assert.deepEqual(readdirSync(folder), []);
    });
  }

  it('ends by itself when it has nothing to do', async () => {
    const folder = temporaryFolder();
    const script = `
      import { igzipCompressor } from '${new URL('../../functions/layer/igzip.ts', import.meta.url).href}';
      const compressor = await igzipCompressor();
      for await (const chunk of compressor.compress([Buffer.alloc(2_000_000)])) console.log(chunk.length);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, TMPDIR: folder },
      stdio: 'ignore',
      timeout: 30_000,
    });
    assert.deepEqual(await once(child, 'close'), [0, null]);
    for (let attempt = 0; readdirSync(folder).length > 0 && attempt < 200; attempt++) await sleep(50);
    assert.deepEqual(readdirSync(folder), []);
  });
});

describe('storedMember', () => {
  it('is gzip for the bytes that it was given', () => {
    for (const length of [0, 1, 1536, 65_535]) {
      assert.ok(gunzipSync(storedMember(sample(length))).equals(sample(length)));
    }
    assert.throws(() => storedMember(Buffer.alloc(65_536)), RangeError);
  });
});
