import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { type Chunks, type Compressor, isThreadInput, SMALL_BYTES, type ThreadInput } from './compressor.ts';
import { CompressorMissingError } from './compressor-error.ts';
import { type IgzipWorker, startIgzipWorker } from './igzip-worker.ts';
import { gzipOnce, ZLIB_LEVEL, ZLIB_VERSION } from './zlib-compressor.ts';

const INSTALL = 'apt-get install isal';

/** 384 MB/s and 64.4 MB for the closure of `shell/git`; level 1 gains no time, 3 takes half as long again for two percent. */
const LEVEL = 2;

/**
 * The gzip of Intel's ISA-L. Two for each core are ready from the start, before this process has grown: one that reads
 * its input, and one whose output is still on its way.
 *
 * @throws CompressorMissingError when it is not installed
 */
export async function igzipCompressor({
  command = 'igzip',
  signal,
}: { readonly command?: string | undefined; readonly signal?: AbortSignal | undefined } = {}): Promise<Compressor> {
  const version = await igzipVersion(command, signal);
  const idle: IgzipWorker[] = await Promise.all(
    Array.from({ length: 2 * availableParallelism() }, () => startIgzipWorker(command, LEVEL)),
  );

  async function* compressLarge(
    input: Chunks | ThreadInput,
    stop: AbortSignal | undefined,
  ): AsyncGenerator<Buffer, void, void> {
    const worker = idle.pop() ?? (await startIgzipWorker(command, LEVEL));
    try {
      yield* worker.compress(input, stop);
    } finally {
      if (worker.usable) idle.push(worker);
    }
  }

  async function* compressChunks(chunks: Chunks, stop: AbortSignal | undefined): AsyncGenerator<Buffer, void, void> {
    const source = iterate(chunks);
    try {
      const start: Buffer[] = [];
      let startBytes = 0;
      for (;;) {
        stop?.throwIfAborted();
        const next = await source.next();
        if (next.done) {
          yield await gzipOnce(Buffer.concat(start));
          return;
        }
        startBytes += next.value.length;
        if (startBytes > SMALL_BYTES) {
          yield* compressLarge(resumed(start, next.value, source), stop);
          return;
        }
        start.push(Buffer.from(next.value));
      }
    } finally {
      await source.return(undefined);
    }
  }

  return {
    name: 'igzip',
    version: `${version}, zlib ${ZLIB_VERSION} level ${ZLIB_LEVEL} up to ${SMALL_BYTES} bytes`,
    level: LEVEL,
    architecture: process.arch,

    async *compress(input, { signal } = {}) {
      if (!isThreadInput(input)) yield* compressChunks(input, signal);
      else if (input.smallBytes === undefined) yield* compressLarge(input, signal);
      else yield await input.gzip(ZLIB_LEVEL);
    },
  };
}

async function igzipVersion(command: string, signal: AbortSignal | undefined): Promise<string> {
  let stdout: string;
  try {
    ({ stdout } = await promisify(execFile)(command, ['--version'], { signal }));
  } catch (error) {
    signal?.throwIfAborted();
    throw new CompressorMissingError(command, INSTALL, error);
  }
  const version = /\d+(?:\.\d+)+/.exec(stdout)?.[0];
  if (version === undefined) throw new CompressorMissingError(command, INSTALL, `--version says ${stdout.trim()}`);
  return version;
}

async function* iterate(chunks: Chunks): AsyncGenerator<Uint8Array, void, void> {
  yield* chunks;
}

/** What was read before, and then the rest. The last chunk is valid until the next is asked for. */
async function* resumed(
  start: readonly Uint8Array[],
  last: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  yield* start;
  yield last;
  yield* rest;
}
