import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import type { Chunks, Compressor } from '../../../functions/layer/compressor.ts';
import { CompressorError } from '../../../functions/layer/compressor-error.ts';
import { findCompressor } from '../../../functions/layer/compressors/compressors.ts';
import { storedMember } from '../../../functions/layer/frame/gzip-member.ts';
import { storedFrame } from '../../../functions/layer/frame/zstd-frame.ts';
import { sha256 } from '../fixture.ts';

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

/** Cuts into chunks of this length in one piece of memory, as a packer does; that of members is seen by two threads. */
function* cut(bytes: Buffer, length: number): Generator<Buffer> {
  const chunk = Buffer.from(new SharedArrayBuffer(length));
  for (let offset = 0; offset < bytes.length; offset += length) {
    yield chunk.subarray(0, bytes.copy(chunk, 0, offset, offset + length));
    chunk.fill('?');
  }
}

async function all(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of pieces) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

const compressed = (compressor: Compressor, chunks: Chunks): Promise<Buffer> => all(compressor.compress(chunks));

const KIB = 1024;

for (const name of ['igzip', 'zlib', 'zstd'] as const) {
  describe(`${name} as a compressor`, () => {
    const compressor = findCompressor(name);
    const decompressed = (bytes: Buffer): Buffer => (name === 'zstd' ? zstdDecompressSync(bytes) : gunzipSync(bytes));

    it('makes the same bytes however the input is cut, and whenever', async () => {
      for (const length of [0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 3_000_000]) {
        const input = sample(length);
        const digests = new Set<string>();
        for (const chunkLength of [777, 65_536, 256 * KIB, 4_000_000]) {
          digests.add(sha256(await compressed(compressor, cut(input, chunkLength))));
        }
        // Times in gzip's header are whole seconds.
        if (length === 1) await sleep(2_100);
        const output = await compressed(compressor, [input]);
        digests.add(sha256(output));
        assert.equal(digests.size, 1, `${length} bytes`);
        assert.ok(decompressed(output).equals(input));
        if (name === 'zstd') continue;
        assert.equal(output.toString('hex', 4, 8), '00000000', 'no time');
        assert.equal(output[3], 0, 'no name');
      }
    });

    it('makes bytes that do not depend on what was compressed before, or at the same time', async () => {
      const inputs = Array.from({ length: 8 }, (_, index) => sample(1_600_000 + index));
      const alone: Buffer[] = [];
      for (const input of inputs) alone.push(await compressed(findCompressor(name), [input]));
      const outputs = await Promise.all(inputs.map((input) => compressed(compressor, cut(input, 50_000))));
      inputs.forEach((input, index) => {
        assert.ok(decompressed(outputs[index] ?? Buffer.of()).equals(input));
        assert.ok(outputs[index]?.equals(alone[index] ?? Buffer.of()));
      });
    });

    it('inflates what it made, however that is cut', async () => {
      for (const length of [0, 1, 700, 256 * KIB, 3_000_000]) {
        const input = sample(length);
        const member = await compressed(compressor, [input]);
        for (const chunkLength of [1, 7, 8, 9, 10, 11, 65_536, 256 * KIB, 4_000_000]) {
          if (chunkLength < 1000 && length > 700) continue;
          assert.ok(
            (await all(compressor.inflate(cut(member, chunkLength)))).equals(input),
            `${length} by ${chunkLength}`,
          );
        }
      }
    });

    it('finds a member that is cut off, damaged or none at all', async () => {
      const member = await compressed(compressor, [sample(300_000)]);
      const damaged = Buffer.from(member);
      damaged[150_000] = (damaged[150_000] ?? 0) ^ 1;
      const wrongLength = Buffer.from(member);
      wrongLength.writeUInt32LE(299_999, member.length - 4);
      const wrongSum = Buffer.from(member);
      wrongSum.writeUInt32LE(crc32(Buffer.from('other')), member.length - 8);
      const cases = { damaged, wrongLength, wrongSum, text: Buffer.from('this is no gzip at all, whatever it is') };
      for (const [what, bytes] of Object.entries(cases)) {
        await assert.rejects(all(compressor.inflate([bytes])), CompressorError, what);
      }
      for (const length of [0, 5, 10, 17, 150_000, member.length - 9, member.length - 8, member.length - 1]) {
        if (length === 0 && name === 'zlib') continue; // Nothing is nothing to zlib.
        await assert.rejects(all(compressor.inflate([member.subarray(0, length)])), CompressorError, `${length} bytes`);
      }
      assert.equal((await all(compressor.inflate([member]))).length, 300_000, 'and works again');
    });

    it("throws the source's error, closes the source, and works again", async () => {
      for (const use of ['compress', 'inflate'] as const) {
        let closed = false;
        const start = await compressed(compressor, [sample(1_400_000)]);
        function* failing() {
          try {
            yield start.subarray(0, 500_000);
            throw new Error('the source is broken');
          } finally {
            closed = true;
          }
        }
        await assert.rejects(all(compressor[use](failing())), /the source is broken/);
        assert.equal(closed, true);
        assert.equal((await compressed(compressor, [sample(1_300_000)])).length > 0, true);
      }
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

describe('igzip', () => {
  it('compresses text, zeros and noise like other gzips do', async () => {
    const igzip = findCompressor('igzip');
    for (const input of [Buffer.alloc(5_000_000), Buffer.from('abcdefg\n'.repeat(400_000)), sample(2_000_000)]) {
      const length = (await compressed(igzip, [input])).length;
      assert.ok(length < 1.3 * gzipSync(input, { level: 1 }).length + 100, `${length} bytes`);
    }
  });
});

describe('storedFrame', () => {
  it('is zstd for the bytes that it was given', () => {
    for (const length of [0, 1, 1536, 131_072]) {
      assert.ok(zstdDecompressSync(storedFrame(sample(length))).equals(sample(length)));
    }
    assert.throws(() => storedFrame(Buffer.alloc(131_073)), RangeError);
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
