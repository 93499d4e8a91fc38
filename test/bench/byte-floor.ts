import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  createReadStream,
  fdatasyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  writeSync,
} from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { run } from '../support/command.ts';
import { seconds } from './figure.ts';

const CHUNK_BYTES = 256 * 1024;

/**
 * The least time that packing store paths can take here, in seconds: reading them, compressing, a SHA-256 before and one
 * after it, and writing, each alone on one core, divided by the cores.
 *
 * @param folder where there is room for an archive of them all
 */
export async function packFloor(paths: readonly string[], folder: string): Promise<number> {
  const [tar, gzip, copy] = [join(folder, 'tar'), join(folder, 'gzip'), join(folder, 'copy')];
  // The disk has nothing else to do, neither before nor with the archive.
  await run('sync', []);
  await run('tar', ['--create', '--absolute-names', '--file', tar, ...paths]);
  const reading = secondsOf(() => {
    for (const path of paths) readAll(path);
  });
  const compressing = await seconds(() => compress(tar, gzip));
  const hashing = hashSeconds(tar) + hashSeconds(gzip);
  await run('sync', []);
  const writing = writeSeconds(gzip, copy);
  for (const file of [tar, gzip, copy]) await rm(file);
  return (reading + compressing + hashing + writing) / availableParallelism();
}

/** The least time that joining takes, in seconds: reading a layer, inflating it, both digests, writing it. */
export async function joinFloor(layer: string, folder: string): Promise<number> {
  const tar = join(folder, 'tar');
  const inflating = await seconds(async () => {
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    const nowhere = new Writable({
      write(_chunk, _encoding, callback) {
        callback();
      },
    });
    await pipeline(createReadStream(layer, { highWaterMark: CHUNK_BYTES }), gunzip, nowhere);
  });
  await run('sh', ['-c', 'gzip --decompress --stdout "$1" > "$2"', 'sh', layer, tar]);
  const rest = hashSeconds(layer) + hashSeconds(tar) + writeSeconds(layer, join(folder, 'copy'));
  await rm(tar);
  return inflating + rest;
}

async function compress(from: string, to: string): Promise<void> {
  const [input, output] = [await open(from, 'r'), await open(to, 'w')];
  try {
    const igzip = spawn('igzip', ['-2', '-n', '-c'], { stdio: [input.fd, output.fd, 'inherit'] });
    const [code] = (await once(igzip, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`igzip ended with ${String(code)}`);
  } finally {
    await input.close();
    await output.close();
  }
}

function secondsOf(work: () => unknown): number {
  const startMs = performance.now();
  work();
  return (performance.now() - startMs) / 1000;
}

const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);

function* chunksOf(file: string): Generator<Buffer, void, void> {
  const descriptor = openSync(file, 'r');
  try {
    for (;;) {
      const got = readSync(descriptor, buffer);
      if (got === 0) return;
      yield buffer.subarray(0, got);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Walks and reads, as packing does; gives the length of all files. */
function readAll(path: string): number {
  const stat = lstatSync(path);
  let sizeBytes = 0;
  if (stat.isDirectory()) for (const name of readdirSync(path)) sizeBytes += readAll(join(path, name));
  else if (stat.isFile()) for (const { length } of chunksOf(path)) sizeBytes += length;
  return sizeBytes;
}

/** Hashing alone: reading is not counted. */
export function hashSeconds(file: string): number {
  const hash = createHash('sha256');
  let total = 0;
  for (const chunk of chunksOf(file)) total += secondsOf(() => hash.update(chunk));
  return total;
}

/** Writing to the disk alone. */
function writeSeconds(file: string, to: string): number {
  const descriptor = openSync(to, 'w');
  let total = 0;
  for (const chunk of chunksOf(file)) total += secondsOf(() => writeSync(descriptor, chunk));
  total += secondsOf(() => {
    fdatasyncSync(descriptor);
  });
  closeSync(descriptor);
  return total;
}
