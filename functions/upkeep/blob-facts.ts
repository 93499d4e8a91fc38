import type { Readable } from 'node:stream';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import { written } from '../concurrency/feed.ts';
import { cutIntoFrames, ZSTD_MAGIC } from './zstd-frames.ts';
import { type Digest, openDigest } from '../oci/digest.ts';
import type { BlobStore, Generation, IoOptions } from '../storage/blob-store.ts';
import { blobKey } from '../storage/known-blobs.ts';

/** What is true of a blob that is there. */
export interface BlobFacts {
  readonly sizeBytes: number;
  readonly generation: Generation;
  /** What reading it gave; absent when it was not read. */
  readonly content?: {
    readonly digest: Digest;
    /** Undefined when it is neither gzip nor zstd from its start to its end. */
    readonly inflated: { readonly digest: Digest; readonly sizeBytes: number } | undefined;
  };
}

/** Finds out about blobs, each once; of what was found, a bounded part is remembered. */
export interface BlobInspector {
  /** Undefined when there is no such blob. */
  find(digest: Digest, options?: IoOptions): Promise<BlobFacts | undefined>;
  /** Look again the next time. */
  forget(digest: Digest): void;
}

const MAX_REMEMBERED = 50_000;

/** @param deep whether blobs are read, which takes a second for each 300 MB */
export function blobInspector(store: BlobStore, deep: boolean): BlobInspector {
  const remembered = new LRUCache<Digest, Promise<BlobFacts | undefined>>({ max: MAX_REMEMBERED });

  async function look(digest: Digest, options: IoOptions): Promise<BlobFacts | undefined> {
    const stat = await store.stat(blobKey(digest), options);
    if (stat === undefined || !deep) return stat;
    const content = await store.read(blobKey(digest), options);
    return content && { ...stat, content: await read(content.stream) };
  }

  return {
    find(digest, options = {}) {
      let facts = remembered.get(digest);
      if (facts === undefined) {
        facts = look(digest, options);
        remembered.set(digest, facts);
      }
      return facts;
    },
    forget: (digest) => void remembered.delete(digest),
  };
}

/** Both digests of a blob, in one reading. */
async function read(stream: Readable): Promise<NonNullable<BlobFacts['content']>> {
  const whole = openDigest();
  let inflation: ReturnType<typeof inflate> | undefined;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    whole.update(chunk);
    inflation ??= inflate(chunk.length >= 4 && chunk.readUInt32LE() === ZSTD_MAGIC);
    await inflation.write(chunk);
  }
  return { digest: whole.digest(), inflated: await inflation?.end() };
}

/** Inflates what is written to it, for as long as that can be: configs cannot, nor can damaged layers. */
function inflate(isZstd: boolean) {
  const hash = openDigest();
  let sizeBytes = 0;
  const inflater = isZstd ? createZstdDecompress() : createGunzip();
  const cut = isZstd ? cutIntoFrames() : (chunk: Buffer): readonly Buffer[] => [chunk];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      callback();
    },
  });
  const isWhole = pipeline(inflater, sink).then(
    () => true,
    () => false, // What is wrong with the bytes is of no interest beside that.
  );
  return {
    async write(chunk: Buffer): Promise<void> {
      for (const piece of cut(chunk)) {
        if (inflater.destroyed) return;
        // Its failure is what `isWhole` tells.
        await written(inflater, piece).catch(() => undefined);
      }
    },
    async end(): Promise<NonNullable<BlobFacts['content']>['inflated']> {
      if (!inflater.destroyed) inflater.end();
      return (await isWhole) ? { digest: hash.digest(), sizeBytes } : undefined;
    },
  };
}
