import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import koffi, { type LibraryHandle } from 'koffi';
import { CompressorMissingError } from '../compressor-error.ts';

/** The interface that the offsets in isal-stream.ts are of (ISA-L, `include/igzip_lib.h`). */
const LIBRARY = 'libisal.so.2';
const REMEDY = 'Install it: apt-get install libisal2; or set NIXERY_COMPRESSION=zlib';

/** Intel's ISA-L, called in this thread. A state is memory that the library fills in. */
export interface IsalLibrary {
  /** As the name of the library's file has it, such as `2.0.30`. */
  readonly version: string;
  deflateInit(state: Buffer): void;
  /** Zero, or a negative number for what failed. */
  deflate(state: Buffer): number;
  inflateInit(state: Buffer): void;
  /** Zero or a positive number, or a negative one for what failed. */
  inflate(state: Buffer): number;
  /** Where a buffer of ordinary, fixed memory lies. It stays there as long as somebody holds the buffer. */
  addressOf(buffer: Uint8Array): bigint;
}

/** @throws CompressorMissingError when the library is not installed */
export function openIsal(): IsalLibrary {
  let library: LibraryHandle;
  try {
    library = koffi.load(LIBRARY);
  } catch (error) {
    throw new CompressorMissingError(`${LIBRARY} cannot be loaded`, REMEDY, error);
  }
  // memmove to itself is how C says where something is.
  const memmove = koffi.load('libc.so.6').func('void *memmove(void *to, const void *from, size_t length)');
  return {
    version: versionInMemory(),
    deflateInit: library.func('void isal_deflate_init(void *state)') as (state: Buffer) => void,
    deflate: library.func('int isal_deflate(void *state)') as (state: Buffer) => number,
    inflateInit: library.func('void isal_inflate_init(void *state)') as (state: Buffer) => void,
    inflate: library.func('int isal_inflate(void *state)') as (state: Buffer) => number,
    addressOf: (buffer) => koffi.address(memmove(buffer, buffer, 0)),
  };
}

/** The library does not say its version in a way that all releases have; the name of the file that was loaded does. */
function versionInMemory(): string {
  const mapped = /\S*\/libisal\.so\.\S+/.exec(readFileSync('/proc/self/maps', 'latin1'))?.[0];
  if (mapped === undefined) throw new CompressorMissingError(`${LIBRARY} is loaded and nowhere in memory`, REMEDY);
  return basename(mapped).slice('libisal.so.'.length);
}
