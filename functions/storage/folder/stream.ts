import type { FileHandle } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import type { ReadOptions } from '../blob-store.ts';
import { writeAll } from './file.ts';
import { LONG_BYTES } from '../read-pieces.ts';

// Measured on ext4 and Node 24: writes gain up to a high water mark of 1 MiB. A stream holds about two of these at a time.
const WRITE_BYTES = 1024 * 1024;

/**
 * The bytes of an open file in `range`, which are there. The stream closes the file.
 *
 * @param about `pieces`: see `ReadOptions`; `fail` makes the error that the stream is destroyed with
 */
export function fileReadable(
  handle: FileHandle,
  about: Pick<ReadOptions, 'range' | 'pieces'> & {
    readonly sizeBytes: number;
    readonly fail: (cause: unknown) => Error;
  },
): Readable {
  const { range, sizeBytes, pieces, fail } = about;
  let position = range?.start ?? 0;
  const end = range ? range.end + 1 : sizeBytes;
  return new Readable({
    highWaterMark: pieces === undefined ? LONG_BYTES : 0,
    read() {
      if (position === end) {
        this.push(null);
        return;
      }
      const leftBytes = end - position;
      const chunk = pieces?.next() ?? Buffer.allocUnsafeSlow(Math.min(LONG_BYTES, leftBytes));
      handle.read(chunk, 0, Math.min(chunk.length, leftBytes), position).then(
        ({ bytesRead }) => {
          if (bytesRead === 0) {
            // Published files never change, so somebody else cut it.
            this.destroy(fail(`it ends at byte ${position} of ${sizeBytes}`));
            return;
          }
          position += bytesRead;
          this.push(chunk.subarray(0, bytesRead));
        },
        (error: unknown) => this.destroy(fail(error)),
      );
    },
    destroy(error, callback) {
      handle.close().then(
        () => {
          callback(error);
        },
        (closeError: unknown) => {
          callback(error ?? fail(closeError));
        },
      );
    },
  });
}

/**
 * Appends to an open file, which stays open at the end.
 *
 * @param abandon called when the stream is destroyed before its end
 */
export function fileWritable(
  handle: FileHandle,
  fail: (cause: unknown) => Error,
  abandon: () => Promise<void>,
): Writable {
  function write(bytes: Uint8Array, callback: (error?: Error) => void): void {
    writeAll(handle, bytes).then(
      () => {
        callback();
      },
      (error: unknown) => {
        callback(fail(error));
      },
    );
  }
  return new Writable({
    highWaterMark: WRITE_BYTES,
    write(chunk: Buffer, _encoding, callback) {
      write(chunk, callback);
    },
    // Many small chunks become one write(2); together they are no longer than the high water mark and one chunk.
    writev(chunks, callback) {
      write(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), callback);
    },
    destroy(error, callback) {
      if (this.writableFinished) {
        callback(error);
        return;
      }
      abandon().then(
        () => {
          callback(error);
        },
        (abandonError: unknown) => {
          callback(error ?? fail(abandonError));
        },
      );
    },
  });
}

/** Whether two open files, of this one length, hold the same bytes. Reads both from the start, in step. */
export async function sameContent(
  one: FileHandle,
  other: FileHandle,
  sizeBytes: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const [a, b] = [Buffer.allocUnsafeSlow(LONG_BYTES), Buffer.allocUnsafeSlow(LONG_BYTES)];
  for (let position = 0; position < sizeBytes;) {
    signal?.throwIfAborted();
    const length = Math.min(LONG_BYTES, sizeBytes - position);
    const [fromOne, fromOther] = await Promise.all([
      readFully(one, a, length, position),
      readFully(other, b, length, position),
    ]);
    if (fromOne !== length || fromOther !== length) return false;
    if (!a.subarray(0, length).equals(b.subarray(0, length))) return false;
    position += length;
  }
  return true;
}

async function readFully(handle: FileHandle, buffer: Buffer, length: number, position: number): Promise<number> {
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
