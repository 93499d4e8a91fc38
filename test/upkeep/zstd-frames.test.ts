import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { storedFrame } from '../../functions/layer/frame/zstd-frame.ts';
import { cutIntoFrames } from '../../functions/upkeep/zstd-frames.ts';

/** Frames of every kind of header and block: short and long, with and without a checksum, raw, repeated and compressed. */
const frames = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 2_000 }).map((bytes) => storedFrame(bytes)),
    fc
      .tuple(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 1_000 }), fc.boolean())
      .map(([bytes, times, isChecked]) =>
        zstdCompressSync(Buffer.concat(Array.from({ length: times }, () => bytes)), {
          params: { [constants.ZSTD_c_checksumFlag]: isChecked ? 1 : 0 },
        }),
      ),
  ),
  { minLength: 1, maxLength: 5 },
);

describe('frames of zstd', () => {
  it('are found wherever chunks end', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (made, lengths) => {
        const whole = Buffer.concat(made);
        const cut = cutIntoFrames();
        const found: Buffer[] = [];
        let open: Buffer[] = [];
        let offset = 0;
        for (let turn = 0; offset < whole.length; turn++) {
          const chunk = whole.subarray(offset, offset + (lengths[turn % lengths.length] ?? 1));
          offset += chunk.length;
          for (const piece of cut(chunk)) {
            open.push(piece);
            const next = made[found.length];
            if (Buffer.concat(open).length < (next?.length ?? 0)) continue;
            found.push(Buffer.concat(open));
            open = [];
          }
        }
        assert.deepEqual(found, made);
        assert.ok(zstdDecompressSync(found[0] ?? Buffer.of()).length >= 0);
      }),
      { numRuns: 300 },
    );
  });

  it('are left alone where there are none', () => {
    const text = Buffer.from('this is no frame at all');
    assert.deepEqual(cutIntoFrames()(text), [text]);
  });
});
