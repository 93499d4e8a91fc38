import type { Bucket, File } from '@google-cloud/storage';
import { createHash } from 'node:crypto';
import type { Generation, ObjectStat } from '../blob-store.ts';
import { ifFound, ifMet } from './error.ts';
import type { ObjectKey } from '../object-key.ts';

/** What the bucket says of an object. */
export interface BucketObject extends ObjectStat {
  /** Base64; undefined for objects that were not uploaded in one piece. */
  readonly md5: string | undefined;
  /** When it was last said to be in use. */
  readonly usedMs: number;
  /** Identifies the write that made it, see {@link newObject}. */
  readonly writer: string | undefined;
  readonly metageneration: string;
}

/** Undefined when there is no such object. */
export async function objectAt(bucket: Bucket, key: ObjectKey): Promise<BucketObject | undefined> {
  const found = await ifFound(bucket.file(key).getMetadata());
  if (found === undefined) return undefined;
  const [metadata] = found;
  return {
    sizeBytes: Number(metadata.size),
    generation: String(metadata.generation),
    metageneration: String(metadata.metageneration),
    md5: metadata.md5Hash,
    usedMs: metadata.customTime === undefined ? 0 : Date.parse(metadata.customTime),
    writer: typeof metadata.metadata?.['writer'] === 'string' ? metadata.metadata['writer'] : undefined,
  };
}

/**
 * What an object is created with. `writer` tells its maker from others: when an answer is lost, the repeated request
 * meets the object that the first one made, and the bucket says 412.
 */
export function newObject(writer: string, nowMs: number, contentType: string) {
  return { contentType, customTime: new Date(nowMs).toISOString(), metadata: { writer } };
}

/** The generation of an object that is not there, in a precondition. */
export const NO_GENERATION: Generation = '0';

/**
 * Writes a small object in one request, if the one at its key is of the given generation. The bucket compares the
 * checksum before anything is readable.
 *
 * @returns false when it is not of that generation
 */
export function putWhole(
  file: File,
  bytes: Uint8Array,
  metadata: ReturnType<typeof newObject>,
  generation: Generation,
): Promise<boolean> {
  const md5Hash = createHash('md5').update(bytes).digest('base64');
  return ifMet(
    file.save(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
      resumable: false,
      validation: false,
      metadata: { ...metadata, md5Hash },
      preconditionOpts: { ifGenerationMatch: generation },
    }),
  );
}

/** Use is noted so seldom: each note is a write. */
const RENEWAL_MS = 24 * 60 * 60 * 1000;

/** Notes that an object is in use, unless that was noted within {@link RENEWAL_MS}. */
export async function renew(bucket: Bucket, key: ObjectKey, object: BucketObject, nowMs: number): Promise<void> {
  if (nowMs - object.usedMs < RENEWAL_MS) return;
  const customTime = new Date(nowMs).toISOString();
  // Another process may note it at the same time, or delete the object: either way there is nothing left to do.
  await ifFound(ifMet(bucket.file(key).setMetadata({ customTime }, { ifMetagenerationMatch: object.metageneration })));
}
