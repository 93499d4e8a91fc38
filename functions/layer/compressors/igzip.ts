import { crc32, gunzipSync } from 'node:zlib';
import type { Chunks, Compressor } from '../compressor.ts';
import { CompressorError, CompressorMissingError } from '../compressor-error.ts';
import { openIsal } from './isal-library.ts';
import { INPUT_BYTES, type IsalStreams, isalStreams } from './isal-stream.ts';

/** Of `shell/git`, 1 makes 1.4 percent more bytes in 8 percent less time, 3 two percent fewer in half as long again. */
const LEVEL = 2;

/** Magic, deflate, no flags, no time (RFC 1952, section 2.3); two more bytes say nothing. */
const HEADER_START = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
const HEADER_BYTES = 10;
/** CRC-32 and length, modulo 2^32 (RFC 1952, section 2.3.1). */
const TRAILER_BYTES = 8;

/**
 * The gzip of Intel's ISA-L, in the thread that calls it: a process of its own would cost two copies of every byte and
 * 14 ms to start.
 *
 * @throws CompressorMissingError when it is not installed, or is of a kind that this program cannot talk to
 */
export function igzipCompressor(): Compressor {
  const library = openIsal();
  const streams = isalStreams(library);
  const compressor: Compressor = {
    name: 'igzip',
    version: `${library.version}, blocks of ${INPUT_BYTES}`,
    level: LEVEL,
    architecture: process.arch,

    async *compress(input) {
      const stream = streams.deflater();
      try {
        for await (const chunk of input) yield* stream.write(chunk);
        yield* stream.end();
      } finally {
        stream.close();
      }
    },

    inflate: (member) => inflate(streams, member),
  };
  check(streams);
  return compressor;
}

async function* inflate(streams: IsalStreams, member: Chunks): AsyncGenerator<Buffer, void, void> {
  const stream = streams.inflater();
  let crc = 0;
  let length = 0;
  function* counted(pieces: Generator<Buffer, void, void>): Generator<Buffer, void, void> {
    for (const piece of pieces) {
      crc = crc32(piece, crc);
      length += piece.length;
      yield piece;
    }
  }
  try {
    let header = Buffer.alloc(0);
    // The last bytes that came are held back: they may be the trailer.
    let trailer = Buffer.alloc(0);
    for await (const chunk of member) {
      let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const missing = HEADER_BYTES - header.length;
      if (missing > 0) {
        header = Buffer.concat([header, bytes.subarray(0, missing)]);
        bytes = bytes.subarray(missing);
        if (header.length < HEADER_BYTES) continue;
        if (!header.subarray(0, HEADER_START.length).equals(HEADER_START)) {
          throw new CompressorError('igzip', 'this is no gzip member of its own');
        }
      }
      if (bytes.length <= TRAILER_BYTES) {
        const held = Buffer.concat([trailer, bytes]);
        const surplus = Math.max(0, held.length - TRAILER_BYTES);
        yield* counted(stream.write(held.subarray(0, surplus)));
        trailer = held.subarray(surplus);
      } else {
        yield* counted(stream.write(trailer));
        yield* counted(stream.write(bytes.subarray(0, -TRAILER_BYTES)));
        trailer = Buffer.from(bytes.subarray(-TRAILER_BYTES));
      }
    }
    yield* counted(stream.end());
    if (trailer.length < TRAILER_BYTES) throw new CompressorError('igzip', 'a gzip member is cut off');
    if (trailer.readUInt32LE(0) !== crc || trailer.readUInt32LE(4) !== length % 2 ** 32) {
      throw new CompressorError('igzip', 'a gzip member is damaged or cut off');
    }
  } finally {
    stream.close();
  }
}

/** A release with another layout of its state would write anywhere, or make nothing that others can read. */
function check(streams: IsalStreams): void {
  const sample = Buffer.from('nixery-run '.repeat(1000));
  const deflater = streams.deflater();
  const member = Buffer.concat([...copies(deflater.write(sample)), ...copies(deflater.end())]);
  deflater.close();
  const inflater = streams.inflater();
  const raw = member.subarray(HEADER_BYTES, -TRAILER_BYTES);
  const inflated = Buffer.concat([...copies(inflater.write(raw)), ...copies(inflater.end())]);
  inflater.close();
  if (!gunzipSync(member).equals(sample) || !inflated.equals(sample)) {
    throw new CompressorMissingError(
      'the libisal2 of this machine does not do what version 2.30 does',
      'Install that one, or set NIXERY_COMPRESSION=zlib',
    );
  }
}

function* copies(pieces: Iterable<Buffer>): Generator<Buffer, void, void> {
  for (const piece of pieces) yield Buffer.from(piece);
}
