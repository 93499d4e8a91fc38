import type { Bucket } from '@google-cloud/storage';
import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { addAbortSignal } from 'node:stream';
import { type BlobStore, MAX_RECORD_BYTES, type StoreNotice, StorageError } from '../blob-store.ts';
import { download, wholeContent } from './download.ts';
import { withDeadline } from './deadline.ts';
import { ifFound, ifMet, isTransient, withoutRequest } from './error.ts';
import { newObject, NO_GENERATION, objectAt, putWhole, renew } from './object.ts';
import { stageInBucket, STAGING_PREFIX } from './staging.ts';
import { type ObjectKey, isBlobKey, parseObjectKey, splitObjectKey } from '../object-key.ts';

export interface BucketStoreOptions {
  /** The time, for what the bucket is told of use; default the system's. */
  readonly nowMs?: (() => number) | undefined;
  readonly notice?: ((notice: StoreNotice) => void) | undefined;
  /** How long one call waits for the bucket, in milliseconds; default {@link ANSWER_MS}. */
  readonly answerMs?: number | undefined;
  /** The same for `patient`; default {@link PATIENT_ANSWER_MS}. */
  readonly patientAnswerMs?: number | undefined;
  /** How long a connection may give nothing of a blob before another goes on; default 10,000. */
  readonly stalledMs?: number | undefined;
}

/** Who pulls is told within ten seconds that there is no answer. */
const ANSWER_MS = 7_500;
/** An image that is being made is not lost by half a minute without a bucket. */
const PATIENT_ANSWER_MS = 60_000;
/** What is written in one request has more time the longer it is: as much as it takes at 1 Mbit/s. */
const SLOWEST_BYTES_PER_MS = 128;

/** How many objects one request lists. */
const PAGE_OBJECTS = 1000;

/**
 * A store in a bucket of Cloud Storage, `AREA/NAME` an object each. Any number of processes may share it.
 *
 * What it relies on: every write names the generation that it expects, checksums are compared before anything is
 * readable, and a long blob gets its key by one request that renames it.
 */
export function bucketStore(bucket: Bucket, options: BucketStoreOptions = {}): BlobStore {
  const { answerMs = ANSWER_MS, patientAnswerMs = PATIENT_ANSWER_MS } = options;
  return {
    ...bucketCalls(bucket, options, { answerMs, patientAnswerMs }),
    patient: bucketCalls(bucket, options, { answerMs: patientAnswerMs, patientAnswerMs }),
  };
}

/** The calls of a store, of which each waits for the bucket so long; for long blobs, `patientAnswerMs` without progress. */
function bucketCalls(
  bucket: Bucket,
  { nowMs = Date.now, notice, stalledMs }: BucketStoreOptions,
  { answerMs, patientAnswerMs }: { readonly answerMs: number; readonly patientAnswerMs: number },
): BlobStore {
  const name = `bucket ${bucket.name}`;

  /**
   * Runs `body`, without waiting for it when it is aborted or its time is over; what it throws becomes the signal's reason or a
   * StorageError.
   */
  async function run<T>(
    action: string,
    key: string,
    signal: AbortSignal | undefined,
    body: (stop: AbortSignal, progressed: () => void) => Promise<T>,
    deadlineMs = answerMs,
  ): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await withDeadline(deadlineMs, body, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw failure(action, key, error);
    }
  }

  function failure(action: string, key: string, cause: unknown): StorageError {
    if (cause instanceof StorageError) return cause;
    return new StorageError(name, action, key, withoutRequest(cause), isTransient(cause) ? 'unreachable' : 'fault');
  }

  async function put(key: ObjectKey, bytes: Uint8Array, generation: string): Promise<boolean> {
    checkRecordLength(bytes.byteLength);
    const writer = randomUUID();
    const isPut = await putWhole(bucket.file(key), bytes, newObject(writer, nowMs(), 'application/json'), generation);
    // A repeated request meets what the first one made, when its answer was lost.
    return isPut || (await objectAt(bucket, key))?.writer === writer;
  }

  const timeToPut = ({ byteLength }: Uint8Array): number => answerMs + byteLength / SLOWEST_BYTES_PER_MS;

  return {
    name,
    ...(notice && { notice }),

    stat: (key, { signal } = {}) =>
      run('stat', key, signal, async () => {
        const object = await objectAt(bucket, key);
        return object && { sizeBytes: object.sizeBytes, generation: object.generation };
      }),

    touch: (key, { signal } = {}) =>
      run('touch', key, signal, async () => {
        const object = await objectAt(bucket, key);
        if (object === undefined) return undefined;
        await renew(bucket, key, object, nowMs());
        return { sizeBytes: object.sizeBytes, generation: object.generation };
      }),

    usedMs: (key, { signal } = {}) => run('stat', key, signal, async () => (await objectAt(bucket, key))?.usedMs),

    read: (key, { signal, range } = {}) =>
      run('read', key, signal, async (stop) => {
        if (range && !(range.start >= 0 && range.start <= range.end)) {
          throw new Error(`no bytes ${range.start} to ${range.end}`);
        }
        const file = bucket.file(key);
        const first = await download(file, { range, signal: stop });
        if (first === undefined) return undefined;
        const stream = wholeContent(file, first, { range, signal, stalledMs }, (cause) => failure('read', key, cause));
        return { sizeBytes: first.sizeBytes, stream };
      }),

    stage: ({ signal } = {}) => {
      const stagedKey = `${STAGING_PREFIX}${randomUUID()}`;
      return run('stage', stagedKey, signal, () => {
        const fail = (cause: unknown) => failure('write', stagedKey, cause);
        const staging = stageInBucket(bucket, stagedKey, nowMs(), fail);
        const { writable } = staging;
        if (signal) addAbortSignal(signal, writable);
        let isEnded = false;
        async function end(): Promise<void> {
          isEnded = true;
          // What the stream cannot remove either, remove() reports.
          writable.on('error', () => undefined).destroy();
          await staging.remove().catch((error: unknown) => {
            const reason = failure('discard', stagedKey, error).message;
            notice?.({ kind: 'staging-left', key: stagedKey, reason });
          });
        }
        return Promise.resolve({
          writable,
          publish: async (key, options = {}) => {
            if (isEnded || writable.errored) throw failure('publish', key, new Error('its staging is gone'));
            isEnded = true;
            try {
              return await run(
                'publish',
                key,
                options.signal,
                async () => {
                  if (!isBlobKey(key)) throw new Error('only blobs are published, records are created');
                  if (!writable.writableFinished) throw new Error('its content was not written to its end');
                  return await staging.publish(key, options.signal);
                },
                patientAnswerMs,
              );
            } finally {
              await end();
            }
          },
          discard: end,
        });
      });
    },

    readRecord: (key, { signal } = {}) =>
      run('read', key, signal, async (stop, progressed) => {
        const file = bucket.file(key);
        const first = await download(file, { signal: stop });
        if (first === undefined) return undefined;
        const stream = wholeContent(file, first, { signal: stop, progressed }, withoutRequest);
        try {
          checkRecordLength(first.sizeBytes);
          return { bytes: await buffer(stream), generation: first.generation };
        } finally {
          stream.destroy();
        }
      }),

    createRecord: (key, bytes, { signal } = {}) =>
      run('create', key, signal, () => put(key, bytes, NO_GENERATION), timeToPut(bytes)),

    replaceRecord: (key, bytes, generation, { signal } = {}) =>
      run('replace', key, signal, () => put(key, bytes, generation), timeToPut(bytes)),

    delete: (key, { generation, signal } = {}) =>
      run('delete', key, signal, async () => {
        const condition = generation === undefined ? {} : { ifGenerationMatch: generation };
        return (await ifFound(ifMet(bucket.file(key).delete(condition)))) ?? false;
      }),

    async *list(area, { signal } = {}) {
      for (let pageToken: string | undefined; ;) {
        const [files, next] = await run('list', area, signal, () =>
          bucket.getFiles({
            prefix: `${area}/`,
            autoPaginate: false,
            maxResults: PAGE_OBJECTS,
            ...(pageToken !== undefined && { pageToken }),
          }),
        );
        for (const { name: listed, metadata } of files) {
          signal?.throwIfAborted();
          const key = parseObjectKey(area, splitObjectKey(listed as ObjectKey).name);
          if (key) yield { key, sizeBytes: Number(metadata.size), generation: String(metadata.generation) };
        }
        pageToken = (next as { pageToken?: string } | null)?.pageToken;
        if (pageToken === undefined) return;
      }
    },
  };
}

/** @throws Error when this many bytes are too many for a record */
function checkRecordLength(sizeBytes: number): void {
  if (sizeBytes > MAX_RECORD_BYTES) throw new Error(`${sizeBytes} bytes are too many for a record`);
}
