import { Readable, Writable, addAbortSignal } from 'node:stream';
import {
  type BlobStore,
  type ByteRange,
  type Generation,
  MAX_RECORD_BYTES,
  type Staging,
  StorageError,
} from './blob-store.ts';
import { type ObjectKey, isBlobKey, parseObjectKey, splitObjectKey } from './object-key.ts';

/** A store in this process's memory, for tests. */
export interface MemoryStore extends BlobStore {
  /** How many stagings are open. */
  readonly stagedCount: number;
}

/** An empty store in memory. */
export function memoryStore(): MemoryStore {
  const name = 'memory';
  const objects = new Map<ObjectKey, { readonly bytes: Buffer; readonly generation: Generation }>();
  const stagings = new Set<Staging>();
  let generations = 0;

  function put(key: ObjectKey, bytes: Buffer): void {
    objects.set(key, { bytes, generation: String(++generations) });
  }

  function recordBytes(action: string, key: ObjectKey, bytes: Uint8Array): Buffer {
    if (bytes.byteLength > MAX_RECORD_BYTES) {
      throw new StorageError(name, action, key, `${bytes.byteLength} bytes are too many for a record`);
    }
    return Buffer.from(bytes);
  }

  function stage(): Staging {
    const chunks: Buffer[] = [];
    const staging: Staging = {
      writable: new Writable({
        write(chunk: Buffer, _encoding, callback) {
          chunks.push(Buffer.from(chunk));
          callback();
        },
        destroy(error, callback) {
          if (!this.writableFinished) stagings.delete(staging);
          callback(error);
        },
      }),
      publish: (key, { signal } = {}) =>
        act(undefined, () => {
          if (!stagings.delete(staging)) throw new StorageError(name, 'publish', key, 'its staging is gone');
          signal?.throwIfAborted();
          if (!isBlobKey(key)) {
            staging.writable.destroy();
            throw new StorageError(name, 'publish', key, 'only blobs are published, records are created');
          }
          if (!staging.writable.writableFinished) {
            staging.writable.destroy();
            throw new StorageError(name, 'publish', key, 'its content was not written to its end');
          }
          const bytes = Buffer.concat(chunks);
          const old = objects.get(key);
          if (old?.bytes.equals(bytes)) return 'existed';
          put(key, bytes);
          return old ? 'replaced' : 'created';
        }),
      discard: () =>
        act(undefined, () => {
          stagings.delete(staging);
          staging.writable.destroy();
        }),
    };
    stagings.add(staging);
    return staging;
  }

  const stat: BlobStore['stat'] = (key, { signal } = {}) =>
    act(signal, () => {
      const object = objects.get(key);
      return object && { sizeBytes: object.bytes.length, generation: object.generation };
    });

  return {
    name,
    get stagedCount() {
      return stagings.size;
    },

    stat,
    touch: stat,

    read: (key, { signal, range } = {}) =>
      act(signal, () => {
        const object = objects.get(key);
        if (object === undefined) return undefined;
        const part = range ? slice(name, key, object.bytes, range) : object.bytes;
        const stream = Readable.from(part.length === 0 ? [] : [Buffer.from(part)], { objectMode: false });
        if (signal) addAbortSignal(signal, stream);
        return { sizeBytes: object.bytes.length, stream };
      }),

    stage: ({ signal } = {}) =>
      act(signal, () => {
        const staging = stage();
        if (signal) addAbortSignal(signal, staging.writable);
        return staging;
      }),

    readRecord: (key, { signal } = {}) =>
      act(signal, () => {
        const object = objects.get(key);
        return object && { bytes: recordBytes('read', key, object.bytes), generation: object.generation };
      }),

    createRecord: (key, bytes, { signal } = {}) =>
      act(signal, () => {
        const copy = recordBytes('create', key, bytes);
        if (objects.has(key)) return false;
        put(key, copy);
        return true;
      }),

    replaceRecord: (key, bytes, generation, { signal } = {}) =>
      act(signal, () => {
        const copy = recordBytes('replace', key, bytes);
        if (objects.get(key)?.generation !== generation) return false;
        put(key, copy);
        return true;
      }),

    delete: (key, { signal, generation } = {}) =>
      act(signal, () => {
        if (generation !== undefined && objects.get(key)?.generation !== generation) return false;
        return objects.delete(key);
      }),

    async *list(area, { signal } = {}) {
      // Names are ASCII, so the order of UTF-16 units is that of bytes.
      const names = [...objects.keys()].map(splitObjectKey).filter((key) => key.area === area);
      for (const listed of names.map((key) => key.name).sort()) {
        await Promise.resolve();
        signal?.throwIfAborted();
        const key = parseObjectKey(area, listed);
        const object = key && objects.get(key);
        if (object) yield { key, sizeBytes: object.bytes.length, generation: object.generation };
      }
    },
  };
}

function slice(store: string, key: ObjectKey, bytes: Buffer, { start, end }: ByteRange): Buffer {
  if (!(start >= 0 && start <= end && end < bytes.length)) {
    throw new StorageError(store, 'read', key, `no bytes ${start} to ${end} in ${bytes.length}`);
  }
  return bytes.subarray(start, end + 1);
}

/** Runs `action` in a later turn, as stores do that wait for a disk, so that tests cannot depend on less. */
async function act<T>(signal: AbortSignal | undefined, action: () => T): Promise<T> {
  await Promise.resolve();
  signal?.throwIfAborted();
  return action();
}
