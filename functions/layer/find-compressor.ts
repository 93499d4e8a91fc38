import type { Compressor } from './compressor.ts';
import { igzipCompressor } from './igzip.ts';
import { zlibCompressor } from './zlib-compressor.ts';

/** What the setting `NIXERY_COMPRESSION` can be. */
export type CompressorName = 'igzip' | 'zlib';

/**
 * The compressor that a setting names. It is never chosen by what is there, since it decides every digest.
 *
 * @throws CompressorMissingError when the machine does not have it
 */
export function findCompressor(
  name: CompressorName,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Compressor> {
  switch (name) {
    case 'igzip':
      return igzipCompressor(options);
    case 'zlib':
      return Promise.resolve(zlibCompressor());
    default:
      throw new RangeError(`no such compressor: ${String(name satisfies never)}`);
  }
}
