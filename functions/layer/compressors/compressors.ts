import type { Compressor, CompressorName } from '../compressor.ts';
import { igzipCompressor } from './igzip.ts';
import { zlibCompressor } from './zlib.ts';
import { zstdCompressor } from './zstd.ts';

/**
 * The compressor that a setting names. It is never chosen by what is there, since it decides every digest.
 *
 * @throws CompressorMissingError when the machine does not have it
 */
export function findCompressor(name: CompressorName): Compressor {
  switch (name) {
    case 'igzip':
      return igzipCompressor();
    case 'zlib':
      return zlibCompressor();
    case 'zstd':
      return zstdCompressor();
    default:
      throw new RangeError(`no such compressor: ${String(name satisfies never)}`);
  }
}
