import { Readable } from 'node:stream';
import { LRUCache } from 'lru-cache';
import { sharedWork } from '../concurrency/shared-work.ts';
import { type Digest, openDigest } from '../oci/digest.ts';
import type { BlobStore, Generation, ObjectStat, ReadOptions } from '../storage/blob-store.ts';
import { condemnBlob } from '../storage/condemn-blob.ts';
import { blobKey } from '../storage/known-blobs.ts';

/** The bytes of a blob are others than its digest says. It is out of service. */
class BrokenBlobError extends Error {
  readonly code = 'BROKEN_BLOB';
  override readonly name = 'BrokenBlobError';
  readonly digest: Digest;

  constructor(digest: Digest) {
    super(`the content of ${digest} is another than its digest says`);
    this.digest = digest;
  }
}

/** Blobs that this process sends itself, each hashed once: broken bytes go out at most once, and never to their end. */
export interface SentBlobs {
  /**
   * Opens a blob, or a part of it; undefined when it is gone, or broken. One that was not sent before is hashed: a short one,
   * and all of one whose part is wanted, before it is opened; a long one while it is read, and its last piece is held back
   * until that is done.
   *
   * @param blob as it was looked at
   * @param broken called when it is broken and was taken out of service, before the stream fails
   */
  open(blob: SentBlob, broken: () => Promise<void>, options?: ReadOptions): Promise<Readable | undefined>;
}

export type SentBlob = ObjectStat & { readonly digest: Digest };

/** Blobs that are remembered to be right; one that is forgotten is hashed again. */
const MAX_PROVED = 20_000;
/** Configs are shorter: to hash them takes no time, and what is wrong with them can still be answered in words. */
const SHORT_BYTES = 64 * 1024;

export function sentBlobs(store: BlobStore): SentBlobs {
  const proved = new LRUCache<Digest, Generation>({ max: MAX_PROVED });
  const proving = sharedWork<undefined>();

  /** Undefined when it is gone, or another than was looked at. */
  async function read({ digest, sizeBytes }: SentBlob, options: ReadOptions): Promise<Readable | undefined> {
    const content = await store.read(blobKey(digest), options);
    if (content === undefined || content.sizeBytes === sizeBytes) return content?.stream;
    content.stream.destroy();
    return undefined;
  }

  /** Passes a blob on, but for its last piece before it is known to be right. */
  async function* hashed(blob: SentBlob, stream: Readable, broken: () => Promise<void>) {
    const { digest, generation, sizeBytes } = blob;
    const hash = openDigest();
    let passedBytes = 0;
    let last: Buffer | undefined;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      hash.update(chunk);
      passedBytes += chunk.length;
      if (passedBytes < sizeBytes) yield chunk;
      else last = chunk;
    }
    if (hash.digest() !== digest) {
      await condemnBlob(store, digest, generation);
      await broken();
      throw new BrokenBlobError(digest);
    }
    proved.set(digest, generation);
    if (last) yield last;
  }

  async function prove(blob: SentBlob, broken: () => Promise<void>, signal: AbortSignal): Promise<undefined> {
    const stream = await read(blob, { signal });
    if (stream === undefined) return undefined;
    const pieces = hashed(blob, stream, broken);
    while (!(await pieces.next()).done);
    return undefined;
  }

  return {
    async open(blob, broken, { range, pieces, signal } = {}) {
      const { digest, generation, sizeBytes } = blob;
      const isProved = () => proved.get(digest) === generation;
      if (!isProved() && (range !== undefined || sizeBytes <= SHORT_BYTES)) {
        try {
          await proving(`${digest} ${generation}`, (stop) => prove(blob, broken, stop), { signal });
        } catch (error) {
          if (!(error instanceof BrokenBlobError)) throw error;
        }
        if (!isProved()) return undefined;
      }
      const stream = await read(blob, { range, pieces, signal });
      if (stream === undefined || isProved()) return stream;
      const passed = onDemand(hashed(blob, stream, broken));
      // What was never begun to be read would stay open.
      return passed.once('close', () => stream.destroy());
    },
  };
}

/**
 * What an iterator gives, each piece when the one before has left: its memory may be the same. `Readable.from` asks for one
 * more while the last one waits.
 */
function onDemand(pieces: AsyncIterator<Buffer, void, void>): Readable {
  return new Readable({
    highWaterMark: 0,
    read() {
      pieces.next().then(
        ({ value }) => this.push(value ?? null),
        (error: unknown) => this.destroy(error as Error),
      );
    },
  });
}
