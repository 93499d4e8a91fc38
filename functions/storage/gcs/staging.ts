import type { Bucket } from '@google-cloud/storage';
import { createHash, randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import type { Generation } from '../blob-store.ts';
import { ifMet, statusOf } from './error.ts';
import { newObject, NO_GENERATION, objectAt, putWhole, renew } from './object.ts';
import { type ResumableUpload, resumableUpload } from './upload.ts';
import type { ObjectKey } from '../object-key.ts';

/** Where a bucket store stages. A lifecycle rule of the bucket deletes what is left there. */
export const STAGING_PREFIX = 'uploads/';

/** Up to here a blob is kept in memory and goes up in one request, to its own key; a longer one is staged in the bucket. */
const SMALL_BLOB_BYTES = 256 * 1024;

const CONTENT_TYPE = 'application/octet-stream';

/** A blob on its way into a bucket. */
export interface BucketStaging {
  readonly writable: Writable;
  /** See `Staging.publish`; the content was written to its end. */
  publish(key: ObjectKey, signal: AbortSignal | undefined): Promise<'created' | 'existed' | 'replaced'>;
  /** Removes what was staged, once. */
  remove(): Promise<void>;
}

/**
 * Opens a staging.
 *
 * @param stagedName name of the object that a long blob is staged in
 * @param fail makes the error that the writable is destroyed with
 */
export function stageInBucket(
  bucket: Bucket,
  stagedName: string,
  nowMs: number,
  fail: (cause: unknown) => Error,
): BucketStaging {
  const writer = randomUUID();
  const metadata = newObject(writer, nowMs, CONTENT_TYPE);
  const staged = bucket.file(stagedName);
  const md5 = createHash('md5');
  let digest = '';
  let sizeBytes = 0;
  let kept: Buffer[] = [];
  let upload: ResumableUpload | undefined;
  let removed: Promise<void> | undefined;

  async function write(chunks: readonly Buffer[]): Promise<void> {
    for (const chunk of chunks) {
      md5.update(chunk);
      sizeBytes += chunk.length;
    }
    if (sizeBytes <= SMALL_BLOB_BYTES) {
      // Its memory is the caller's again after this.
      kept.push(...chunks.map((chunk) => Buffer.from(chunk)));
      return;
    }
    upload ??= await resumableUpload(staged, metadata);
    const ahead = [...kept, ...chunks];
    kept = [];
    for (const chunk of ahead) await upload.write(chunk);
  }

  async function finish(): Promise<void> {
    digest = md5.digest('base64');
    if (upload === undefined) return;
    const received = await upload.end();
    if (received.sizeBytes === sizeBytes && received.md5 === digest) return;
    const { md5: otherMd5 = 'none', sizeBytes: otherBytes } = received;
    throw new Error(`the bucket received ${otherBytes} bytes with MD5 ${otherMd5}, not ${sizeBytes} with ${digest}`);
  }

  async function abandon(): Promise<void> {
    kept = [];
    await upload?.abort();
  }

  const remove = (): Promise<void> => (removed ??= abandon());

  const writable = new Writable({
    highWaterMark: SMALL_BLOB_BYTES,
    write(chunk: Buffer, _encoding, callback) {
      settle(write([chunk]), callback);
    },
    writev(chunks, callback) {
      settle(write(chunks.map(({ chunk }) => chunk as Buffer)), callback);
    },
    final(callback) {
      settle(finish(), callback);
    },
    destroy(error, callback) {
      if (this.writableFinished) {
        callback(error);
        return;
      }
      remove().then(
        () => {
          callback(error);
        },
        (removeError: unknown) => {
          callback(error ?? fail(removeError));
        },
      );
    },
  });

  function settle(work: Promise<void>, callback: (error?: Error) => void): void {
    work.then(
      () => {
        callback();
      },
      (error: unknown) => {
        callback(fail(error));
      },
    );
  }

  /** Puts the blob under its key if what is there is of the given generation. */
  async function put(key: ObjectKey, generation: Generation): Promise<boolean> {
    if (upload === undefined) return putWhole(bucket.file(key), Buffer.concat(kept), metadata, generation);
    try {
      return await ifMet(staged.moveFileAtomic(key, { preconditionOpts: { ifGenerationMatch: generation } }));
    } catch (error) {
      // Repeated after an answer that was lost: the first request has moved it.
      if (statusOf(error) === 404 && (await objectAt(bucket, key))?.writer === writer) return true;
      throw error;
    }
  }

  async function publish(key: ObjectKey, signal: AbortSignal | undefined) {
    let generation = NO_GENERATION;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      signal?.throwIfAborted();
      const outcome = generation === NO_GENERATION ? 'created' : 'replaced';
      const isPut = await put(key, generation);
      const old = isPut ? undefined : await objectAt(bucket, key);
      if (isPut || old?.writer === writer) {
        removed = Promise.resolve(); // It is where it belongs.
        return outcome;
      }
      if (old?.sizeBytes === sizeBytes && old.md5 === digest) {
        await renew(bucket, key, old, nowMs);
        return 'existed';
      }
      generation = old?.generation ?? NO_GENERATION;
    }
    throw new Error('it changes faster than it can be published');
  }

  return { writable, publish, remove };
}

/** Of many who publish different contents at once each may be overtaken by all others; more often is a defect. */
const MAX_ATTEMPTS = 100;
