import { createHash } from 'node:crypto';
import { type BigIntStats, statSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import {
  type Generation,
  type IoOptions,
  MAX_RECORD_BYTES,
  type ObjectStat,
  type StoredRecord,
} from '../blob-store.ts';
import { ifThere } from './file.ts';
import { sameContent } from './stream.ts';
import { type ObjectKey, isBlobKey } from '../object-key.ts';

/** A record in a file, whole; undefined when there is none. */
export async function readRecordFile(path: string, key: ObjectKey): Promise<StoredRecord | undefined> {
  // To see that there is none takes some microseconds, and ten times that when another thread is asked to.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const handle = await ifThere(open(path, 'r'));
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat({ bigint: true });
    const sizeBytes = Number(stats.size);
    checkRecordLength(sizeBytes);
    const bytes = Buffer.allocUnsafe(sizeBytes);
    // Records are never changed in place: one read gives all of it, and none is needed to find its end.
    const { bytesRead } = await handle.read(bytes, 0, sizeBytes, 0);
    if (bytesRead < sizeBytes) throw new Error(`it ends at byte ${bytesRead} of ${sizeBytes}`);
    return { bytes, generation: generationOf(key, stats, bytes) };
  } finally {
    await handle.close();
  }
}

/** Length and generation of the object in a file; undefined when there is none. Reads records, but no blobs. */
export async function statFile(path: string, key: ObjectKey): Promise<ObjectStat | undefined> {
  if (!isBlobKey(key)) {
    const record = await readRecordFile(path, key);
    return record && { sizeBytes: record.bytes.length, generation: record.generation };
  }
  const stats = await ifThere(stat(path, { bigint: true }));
  return stats && { sizeBytes: Number(stats.size), generation: generationOf(key, stats) };
}

/** What lies under a key, compared with an open file; undefined when nothing does. */
export async function compareFile(
  path: string,
  key: ObjectKey,
  handle: FileHandle,
  { signal }: IoOptions,
): Promise<{ readonly isSame: boolean; readonly generation: Generation } | undefined> {
  const old = await ifThere(open(path, 'r'));
  if (old === undefined) return undefined;
  try {
    const [stats, { size }] = await Promise.all([old.stat({ bigint: true }), handle.stat()]);
    const isSame = Number(stats.size) === size && (await sameContent(handle, old, size, signal));
    return { isSame, generation: generationOf(key, stats) };
  } finally {
    await old.close();
  }
}

/**
 * The file's inode, time of modification and, for records, the SHA-256 of its content: no two records look alike that
 * differ, also when they are written in one tick of the clock. Blobs are large, and compared when they are published:
 * theirs has the length instead.
 */
function generationOf(key: ObjectKey, stats: BigIntStats, record?: Buffer): Generation {
  const content = isBlobKey(key) || !record ? stats.size : createHash('sha256').update(record).digest('hex');
  return `${stats.ino}-${stats.mtimeNs}-${content}`;
}

/** @throws Error when this many bytes are too many for a record */
export function checkRecordLength(sizeBytes: number): void {
  if (sizeBytes > MAX_RECORD_BYTES) throw new Error(`${sizeBytes} bytes are too many for a record`);
}
