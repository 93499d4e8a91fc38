import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { SMALL_BYTES } from './compressor.ts';
import { HEAD, TAIL } from './frame.ts';
import { memberTar } from './member-tar.ts';
import type { TarReply, TarRequest, TarThreadMemory, TarTotals } from './tar-messages.ts';
import { readTree } from './tree.ts';
import { plainError } from './thread-error.ts';

/**
 * What runs in a thread of its own: reads store paths, one at a time, and makes their tar entries, with calls that wait.
 * Everything that is long is in memory that is used again and again.
 */
if (parentPort === null) throw new Error('tar-worker.ts is the start of a thread');
const port = parentPort;
const memory = workerData as TarThreadMemory;
const window = Buffer.from(memory.window);

/** The path that is being read. */
interface Job {
  /** What comes behind that which lies in the window. */
  readonly rest: Generator<Buffer, void, void>;
  windowBytes: number;
  readonly totals: () => TarTotals;
}
let job: Job | undefined;

port.on('message', (request: TarRequest) => {
  void answer(request).then((reply) => {
    port.postMessage(reply, reply.kind === 'member' ? [reply.bytes] : []);
  });
});

async function answer(request: TarRequest): Promise<TarReply> {
  try {
    return request.kind === 'open' ? await open(request) : go(request);
  } catch (error) {
    close();
    return { kind: 'failed', error: plainError(error) };
  }
}

async function open({ name, location }: TarRequest & { kind: 'open' }): Promise<TarReply> {
  const tree = await readTree(location, { signal: { throwIfAborted } });
  const sha256 = createHash('sha256').update(HEAD.tar);
  let bytes = 0;
  function* chunks(): Generator<Buffer, void, void> {
    for (const chunk of memberTar(name, location, tree)) {
      throwIfAborted();
      sha256.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  }
  const all = chunks();
  let windowBytes = 0;
  const totals = (): TarTotals => ({
    sha256: sha256.update(TAIL.tar).digest('hex'),
    uncompressedBytes: HEAD.tar.length + bytes + TAIL.tar.length,
  });
  for (;;) {
    const { value, done } = all.next();
    if (done) {
      job = { rest: all, windowBytes, totals };
      return { kind: 'opened', smallBytes: windowBytes };
    }
    if (windowBytes + value.length > SMALL_BYTES) {
      job = { rest: startingWith(value, all), windowBytes, totals };
      return { kind: 'opened', smallBytes: undefined };
    }
    windowBytes += value.copy(window, windowBytes);
  }
}

function go(request: Exclude<TarRequest, { kind: 'open' }>): TarReply {
  if (job === undefined) throw new Error('no store path is open');
  switch (request.kind) {
    case 'gzip': {
      const compressed = gzipSync(window.subarray(0, job.windowBytes), { level: request.level });
      return { kind: 'member', bytes: exactly(compressed), totals: end(job) };
    }
    case 'write':
      writeAll(request.descriptor, window.subarray(0, job.windowBytes));
      for (const chunk of job.rest) writeAll(request.descriptor, chunk);
      return { kind: 'end', totals: end(job) };
    case 'next': {
      if (job.windowBytes === 0) {
        const { value, done } = job.rest.next();
        if (done) return { kind: 'end', totals: end(job) };
        job.windowBytes = value.copy(window);
      }
      const { windowBytes } = job;
      job.windowBytes = 0;
      return { kind: 'chunk', windowBytes };
    }
    case 'close':
      close();
      return { kind: 'closed' };
    default:
      throw new RangeError(`no such request: ${String(request satisfies never)}`);
  }
}

function* startingWith(first: Buffer, rest: Generator<Buffer, void, void>): Generator<Buffer, void, void> {
  try {
    yield first;
    yield* rest;
  } finally {
    rest.return();
  }
}

function end(ended: Job): TarTotals {
  job = undefined;
  return ended.totals();
}

/** Closes the file that is being read. */
function close(): void {
  job?.rest.return();
  job = undefined;
}

function throwIfAborted(): void {
  if (Atomics.load(memory.cancelled, 0) !== 0) throw new Error('cancelled');
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let offset = 0; offset < bytes.length;) offset += writeSync(descriptor, bytes, offset);
}

/** In memory of its own, without what zlib reserved beside it, so that it can be handed over. */
function exactly(bytes: Buffer): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
