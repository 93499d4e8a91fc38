import { createGunzip, createGzip } from 'node:zlib';
import type { Compressor } from '../compressor.ts';
import { CompressorError } from '../compressor-error.ts';
import { through } from './through.ts';

/**
 * Of the closure of `shell/git` (167 MB), level 1 makes 63.5 MB at 107 MB/s, 4 makes 59.5 at 79, 6 makes 58.1 at 43 and 9
 * makes 57.8 at 13 (Node 24, one stream): beyond 4, time grows and the blob hardly shrinks.
 */
const LEVEL = 4;

/** What zlib gives out at once: with its own 16 KiB, what each piece costs beside the bytes counts. */
const OUTPUT_CHUNK_BYTES = 128 * 1024;

/** Node's own zlib, in the thread pool. */
export function zlibCompressor(): Compressor {
  return {
    name: 'zlib',
    // Node's copy is no release of zlib: this has the commit that it was made from.
    version: process.versions.zlib,
    level: LEVEL,
    architecture: process.arch,

    compress: (input) => through(createGzip({ level: LEVEL, chunkSize: OUTPUT_CHUNK_BYTES }), input),

    async *inflate(member) {
      try {
        yield* through(createGunzip({ chunkSize: OUTPUT_CHUNK_BYTES }), member);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code?.startsWith('Z_')) throw new CompressorError('zlib', message, error);
        throw error;
      }
    },
  };
}
