import { CompressorError } from '../compressor-error.ts';
import type { IsalLibrary } from './isal-library.ts';

/**
 * Input is handed over in blocks of this length, whatever the chunks were: where ISA-L ends its own blocks depends on
 * it, and so do the bytes. It fits into a core's cache.
 */
export const INPUT_BYTES = 256 * 1024;
const OUTPUT_BYTES = 256 * 1024;

// Offsets of the first fields, which callers set (ISA-L 2, igzip_lib.h, `struct isal_zstream` and `struct inflate_state`,
// on 64 bits). What comes behind them is the library's own: 82,384 and 87,368 bytes in all in 2.30.
const STATE_BYTES = 128 * 1024;
const DEFLATE = { nextIn: 0, availableIn: 8, nextOut: 16, availableOut: 24 } as const;
const INFLATE = { nextOut: 0, availableOut: 8, nextIn: 16, availableIn: 32 } as const;
const DEFLATE_LEVEL = 40;
const DEFLATE_LEVEL_MEMORY_BYTES = 44;
const DEFLATE_LEVEL_MEMORY = 48;
const DEFLATE_IS_LAST = 56;
const DEFLATE_GZIP = 60;

/** `IGZIP_GZIP`: a header without a time and a name, and a trailer. */
const GZIP = 1;

/** `ISAL_DEF_LVL2_DEFAULT`: what igzip itself takes. The bytes depend on it. */
const LEVEL_2_MEMORY_BYTES = 331_776;

/** One stream's memory; used again for others, since new memory costs more than what is done with it. */
interface StreamMemory {
  readonly state: Buffer;
  readonly level: Buffer;
  readonly levelAddress: bigint;
  readonly input: Buffer;
  readonly inputAddress: bigint;
  readonly output: Buffer;
  readonly outputAddress: bigint;
}

function streamMemory(library: IsalLibrary): StreamMemory {
  const [level, input, output] = [LEVEL_2_MEMORY_BYTES, INPUT_BYTES, OUTPUT_BYTES].map((bytes) =>
    Buffer.allocUnsafeSlow(bytes),
  ) as [Buffer, Buffer, Buffer];
  return {
    state: Buffer.alloc(STATE_BYTES),
    ...{ level, levelAddress: library.addressOf(level) },
    ...{ input, inputAddress: library.addressOf(input) },
    ...{ output, outputAddress: library.addressOf(output) },
  };
}

/** Takes bytes piece by piece, and gives out what it makes of them, valid until more is asked for. */
export interface IsalStream {
  /** @param bytes stay as they are until all that is made of them was given out */
  write(bytes: Uint8Array): Generator<Buffer, void, void>;
  end(): Generator<Buffer, void, void>;
  /** Gives its memory back. To be called once, whatever happened. */
  close(): void;
}

export interface IsalStreams {
  /** Makes a gzip member at level 2. */
  deflater(): IsalStream;
  /** Inflates raw deflate data (RFC 1951). Whether it came to its end the caller has to know from what it holds. */
  inflater(): IsalStream;
}

export function isalStreams(library: IsalLibrary): IsalStreams {
  const spare: StreamMemory[] = [];

  function stream(
    memory: StreamMemory,
    at: typeof DEFLATE | typeof INFLATE,
    work: (state: Buffer, isLast: boolean) => number,
  ): IsalStream {
    const { state, input, inputAddress, output, outputAddress } = memory;
    let isClosed = false;
    let used = 0;

    function resetOutput(): void {
      state.writeBigUInt64LE(outputAddress, at.nextOut);
      state.writeUInt32LE(OUTPUT_BYTES, at.availableOut);
    }

    /** Hands over what lies at an address. The output is given out when it is full. */
    function* run(address: bigint, length: number, isLast: boolean): Generator<Buffer, void, void> {
      state.writeBigUInt64LE(address, at.nextIn);
      state.writeUInt32LE(length, at.availableIn);
      for (;;) {
        if (isClosed) throw new Error('the stream is closed');
        const outcome = work(state, isLast);
        if (outcome < 0) throw new CompressorError('igzip', `ISA-L says ${outcome}`);
        // Room that is left means that there is no more to come.
        if (state.readUInt32LE(at.availableOut) > 0) return;
        yield output;
        resetOutput();
      }
    }

    /** Hands over what is in the input's memory. */
    function runInput(isLast: boolean): Generator<Buffer, void, void> {
      const length = used;
      used = 0;
      return run(inputAddress, length, isLast);
    }

    resetOutput();
    return {
      *write(bytes) {
        // A whole block need not be copied first.
        if (used === 0 && bytes.length === INPUT_BYTES) {
          yield* run(library.addressOf(bytes), INPUT_BYTES, false);
          return;
        }
        for (let offset = 0; offset < bytes.length;) {
          const taken = Math.min(INPUT_BYTES - used, bytes.length - offset);
          input.set(bytes.subarray(offset, offset + taken), used);
          used += taken;
          offset += taken;
          if (used === INPUT_BYTES) yield* runInput(false);
        }
      },
      *end() {
        yield* runInput(true);
        const filled = OUTPUT_BYTES - state.readUInt32LE(at.availableOut);
        if (filled > 0) yield output.subarray(0, filled);
      },
      close() {
        if (!isClosed) spare.push(memory);
        isClosed = true;
      },
    };
  }

  return {
    deflater() {
      const memory = spare.pop() ?? streamMemory(library);
      const { state, levelAddress } = memory;
      state.fill(0);
      library.deflateInit(state);
      state.writeUInt32LE(2, DEFLATE_LEVEL);
      state.writeUInt32LE(LEVEL_2_MEMORY_BYTES, DEFLATE_LEVEL_MEMORY_BYTES);
      state.writeBigUInt64LE(levelAddress, DEFLATE_LEVEL_MEMORY);
      state.writeUInt16LE(GZIP, DEFLATE_GZIP);
      return stream(memory, DEFLATE, (_, isLast) => {
        state.writeUInt16LE(isLast ? 1 : 0, DEFLATE_IS_LAST);
        return library.deflate(state);
      });
    },

    inflater() {
      const memory = spare.pop() ?? streamMemory(library);
      memory.state.fill(0);
      library.inflateInit(memory.state);
      return stream(memory, INFLATE, (state) => library.inflate(state));
    },
  };
}
