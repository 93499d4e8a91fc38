import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import type { Chunks, Compressor } from './compressor.ts';
import { CompressorError, CompressorMissingError } from './compressor-error.ts';
import { feed } from './feed.ts';
import { gzipOnce, ZLIB_LEVEL, ZLIB_VERSION } from './zlib-compressor.ts';

const INSTALL = 'apt-get install isal';

/** 384 MB/s and 64.4 MB for the closure of `shell/git`; level 1 gains no time, 3 takes half as long again for two percent. */
const LEVEL = 2;

/**
 * Input up to this length is compressed by zlib in this process: to start another takes about 5 ms of processor time,
 * in which zlib compresses this much. The length decides, never the load, so equal input has equal bytes.
 */
export const SMALL_BYTES = 512 * 1024;

const MAX_STDERR_CHARACTERS = 4_000;

/**
 * The gzip of Intel's ISA-L, one process for each member that is not small.
 *
 * @throws CompressorMissingError when it is not installed
 */
export async function igzipCompressor({
  command = 'igzip',
  signal,
}: { readonly command?: string | undefined; readonly signal?: AbortSignal | undefined } = {}): Promise<Compressor> {
  const version = await igzipVersion(command, signal);
  return {
    name: 'igzip',
    version: `${version}, zlib ${ZLIB_VERSION} level ${ZLIB_LEVEL} up to ${SMALL_BYTES} bytes`,
    level: LEVEL,
    architecture: process.arch,

    async *compress(chunks, options = {}) {
      const source = iterate(chunks);
      try {
        const start: Buffer[] = [];
        let startBytes = 0;
        for (;;) {
          options.signal?.throwIfAborted();
          const next = await source.next();
          if (next.done) {
            yield await gzipOnce(Buffer.concat(start));
            return;
          }
          startBytes += next.value.length;
          if (startBytes > SMALL_BYTES) {
            yield* runIgzip(command, resumed(start, next.value, source), options.signal);
            return;
          }
          start.push(Buffer.from(next.value));
        }
      } finally {
        await source.return(undefined);
      }
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

async function* resumed(
  start: readonly Uint8Array[],
  last: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  // The last chunk is valid until the next one is asked for, so it must not wait behind others that could be kept.
  yield* start;
  yield last;
  yield* rest;
}

async function* runIgzip(
  command: string,
  chunks: Chunks,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, void> {
  signal?.throwIfAborted();
  // -n: neither a name nor the time in the header (igzip puts the time there otherwise).
  const child = spawn(command, [`-${LEVEL}`, '-n', '-c'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR_CHARACTERS);
  });
  const exited = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => {
      reject(signal?.aborted ? error : new CompressorMissingError(command, INSTALL, error));
    });
    child.once('close', (code, killedBy) => {
      if (code === 0) resolve();
      else reject(new CompressorError(command, killedBy ? `was killed by ${killedBy}` : `exited with ${code}`, stderr));
    });
  });
  const source = { failed: false };
  async function* watched(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* chunks;
    } catch (error) {
      // Without all of its input, what it makes is of no use; and it would wait for the rest.
      source.failed = true;
      child.kill('SIGKILL');
      throw error;
    }
  }
  const fed = feed(child.stdin, watched());
  const ended = Promise.allSettled([exited, fed]);
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    await ended;
    signal?.throwIfAborted();
    // The first cause: a source that failed had the process killed; a process that failed broke the pipe.
    if (source.failed) await fed;
    await exited;
    await fed;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}
