import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import type { Chunks, Compressor } from '../compressor.ts';
import { CompressorError } from '../compressor-error.ts';
import { through } from './through.ts';

/** Figures of other levels: docs/layers.md. */
const LEVEL = 3;

/** What goes in and comes out at once. Input of one length, so that the bytes do not depend on how it was cut. */
const BLOCK_BYTES = 256 * 1024;

/** Node's own zstd, in the thread pool, on one core for each stream. */
export function zstdCompressor(level: number = LEVEL): Compressor {
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
  return {
    name: 'zstd',
    version: `${process.versions['zstd'] ?? 'unknown'}, blocks of ${BLOCK_BYTES}`,
    level,
    architecture: process.arch,

    compress: (input) => through(createZstdCompress({ params, chunkSize: BLOCK_BYTES }), blocks(input)),

    async *inflate(member) {
      try {
        yield* through(createZstdDecompress({ chunkSize: BLOCK_BYTES }), member);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code?.startsWith('ZSTD_') || code?.startsWith('Z_')) throw new CompressorError('zstd', message, error);
        throw error;
      }
    },
  };
}

/** Each but the last has the same length, and all are in the same memory. */
async function* blocks(input: Chunks): AsyncGenerator<Buffer, void, void> {
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let used = 0;
  for await (const chunk of input) {
    for (let offset = 0; offset < chunk.length;) {
      const taken = Math.min(BLOCK_BYTES - used, chunk.length - offset);
      block.set(chunk.subarray(offset, offset + taken), used);
      used += taken;
      offset += taken;
      if (used < BLOCK_BYTES) continue;
      yield block;
      used = 0;
    }
  }
  if (used > 0) yield block.subarray(0, used);
}
