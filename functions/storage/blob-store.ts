import type { Readable, Writable } from 'node:stream';
import type { Area, ObjectKey } from './object-key.ts';
import type { ReadPieces } from './read-pieces.ts';
import { OperatorError } from '../operator-error.ts';

/**
 * Where bytes rest. Two kinds of objects lie in a store:
 *
 * - **blobs** (`layers/`), of any size, streamed in and out. A blob is written to staging and becomes readable under
 *   its key in one step, whole or not at all.
 * - **records** (every other area), small JSON documents, read and written whole.
 *
 * What every store keeps to, and `test/storage/conformance.ts` executes:
 *
 * 1. A reader sees an object whole or not at all, whatever happens to the writer: abort, crash, full disk.
 * 2. Creating is exclusive: of any number of creators at once, in any number of processes, one wins.
 * 3. Replacing is conditional on the generation that was read: nobody's change is lost unseen.
 * 4. Absence is `undefined` (or `false`), never an error. Every failure is a {@link StorageError} that names the store,
 *    the key and the cause; that goes for errors of the streams, too.
 * 5. An aborted or failed write leaves nothing readable and nothing staged.
 * 6. An aborted call rejects with the signal's reason; an aborted stream is destroyed with an `AbortError`.
 */
export interface BlobStore {
  /** For messages: `memory`, `folder /srv/store`, `bucket NAME`. */
  readonly name: string;

  /**
   * The same store for work that nobody stands by and waits for, like making an image: where an answer may not come, it waits
   * longer before it gives up. Absent where there is nothing to wait for.
   */
  readonly patient?: BlobStore;

  /** Takes what was found wrong in the store and mended, for the log. */
  readonly notice?: (notice: StoreNotice) => void;

  /** Does what a new image begins with, and leaves nothing. Absent where that costs as much as a request of a client. */
  tryWriting?(options?: IoOptions): Promise<void>;

  /** An object's length, without its content; undefined when there is none. */
  stat(key: ObjectKey, options?: IoOptions): Promise<ObjectStat | undefined>;

  /**
   * The same for an object that is in use. Where unused objects expire, that is put off: at most once a day, so it
   * costs a write as seldom. Length and generation stay.
   */
  touch(key: ObjectKey, options?: IoOptions): Promise<ObjectStat | undefined>;

  /**
   * When an object was last said to be in use, in milliseconds since 1970; undefined when there is none. Absent where
   * nothing expires.
   */
  usedMs?(key: ObjectKey, options?: IoOptions): Promise<number | undefined>;

  /** A blob's content, or the part of it in `range`; undefined when there is none. The caller reads it to its end or destroys it. */
  read(key: ObjectKey, options?: ReadOptions): Promise<ObjectContent | undefined>;

  /** Opens a place in staging for one blob whose key is not known yet. */
  stage(options?: IoOptions): Promise<Staging>;

  /** A record, whole; undefined when there is none. */
  readRecord(key: ObjectKey, options?: IoOptions): Promise<StoredRecord | undefined>;

  /** Creates a record. False when one exists: the caller reads the winner's and goes on with that. */
  createRecord(key: ObjectKey, bytes: Uint8Array, options?: IoOptions): Promise<boolean>;

  /** Replaces the record whose generation was read. False when it has changed (or gone) since: read again. */
  replaceRecord(key: ObjectKey, bytes: Uint8Array, generation: Generation, options?: IoOptions): Promise<boolean>;

  /** Removes an object, with `generation` only while it is still that one. False when there was none (or another). */
  delete(key: ObjectKey, options?: IoOptions & { generation?: Generation }): Promise<boolean>;

  /** The objects of an area, in byte order of their names. */
  list(area: Area, options?: IoOptions): AsyncIterable<{ readonly key: ObjectKey } & ObjectStat>;
}

/** Something in a store was not as it should be, and was put right or is about to be. */
export interface StoreNotice {
  /**
   * `replaced-blob`: other bytes, or a part, lay under a blob's key. `broken-blob`: they do, and are not served any more.
   * `broken-record`: it does not prove itself, or is of another shape or version.
   * `unlisted-tag`: an image was pulled by it, and that cannot be recorded.
   * `staging-left`: what is not wanted any more could not be removed; what is left there for a day is.
   */
  readonly kind: 'replaced-blob' | 'broken-blob' | 'broken-record' | 'unlisted-tag' | 'staging-left';
  /** Of the object; of what was staged, where it lies. */
  readonly key: string;
  readonly reason: string;
}

export interface IoOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Identifies one version of one object; opaque. */
export type Generation = string;

export interface ObjectStat {
  readonly sizeBytes: number;
  readonly generation: Generation;
}

/**
 * Bytes `start` to `end`, both inclusive, as in an HTTP range. The caller has checked them against the length: a range
 * that is not within the object is a {@link StorageError}, never a shorter answer.
 */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ReadOptions extends IoOptions {
  readonly range?: ByteRange | undefined;
  /**
   * For one of many readers, who may stand still: where a store reads into memory of its own, it takes this, and nothing
   * before it is wanted. A chunk is the reader's until it wants the next. The reader ends them.
   */
  readonly pieces?: ReadPieces | undefined;
}

export interface ObjectContent {
  /** Length of the whole object, also when a part of it is read. */
  readonly sizeBytes: number;
  readonly stream: Readable;
}

export interface StoredRecord {
  readonly bytes: Buffer;
  readonly generation: Generation;
}

/** A blob on its way. `publish` ends it, also when it fails; otherwise `discard` does. */
export interface Staging {
  /**
   * Takes the content; end it (`pipeline` does) before `publish`. The memory of a chunk is the caller's again once its
   * write has called back.
   */
  readonly writable: Writable;

  /**
   * Makes what was written readable under the `key` of a blob, in one step. When an object is there already it is compared:
   * equal content is success, other content (a fragment, a wrong one) is replaced.
   *
   * @returns what happened, so that the caller can log a replacement
   */
  publish(key: ObjectKey, options?: IoOptions): Promise<'created' | 'existed' | 'replaced'>;

  /**
   * Removes what was written. Does nothing for a staging that is gone or published already. What cannot be removed is a
   * {@link StoreNotice} and no error, which would hide why it is discarded.
   */
  discard(): Promise<void>;
}

/** Records are read whole, up to this length; a longer one is an error. */
export const MAX_RECORD_BYTES = 64 * 1024 * 1024;

/**
 * What a failure means to who asked: `unreachable`, it may be over in a moment; `full` and `read-only`, what is there can be
 * read, and nothing can be written before somebody mends that; `fault`, anything else.
 */
export type StorageTrouble = 'unreachable' | 'full' | 'read-only' | 'fault';

/** A store failed at something that should have worked. */
export class StorageError extends OperatorError {
  readonly code = 'STORAGE';
  override readonly name = 'StorageError';
  readonly store: string;
  readonly key: string;
  readonly trouble: StorageTrouble;

  /** @param action what was tried, as a verb: `read`, `publish`, ... */
  constructor(store: string, action: string, key: string, cause: unknown, trouble: StorageTrouble = 'fault') {
    super(`${store}: cannot ${action} ${key}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.store = store;
    this.key = key;
    this.trouble = trouble;
  }
}
