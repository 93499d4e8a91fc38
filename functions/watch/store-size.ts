import type { Logger } from 'pino';
import type { BlobStore } from '../storage/blob-store.ts';

/** What all blobs of a store take. */
export interface StoreSize {
  readonly blobs: number;
  readonly bytes: number;
}

/** To list a bucket costs money, and a store grows slowly. */
const COUNT_EVERY_MS = 60 * 60_000;

/** Counts behind the back of who asks, at most once an hour, and gives what was counted last. */
export function storeSize(world: {
  readonly store: Pick<BlobStore, 'list'>;
  readonly log: Pick<Logger, 'warn'>;
  readonly nowMs?: () => number;
}): () => StoreSize | undefined {
  const { store, log, nowMs = () => performance.now() } = world;
  let last: StoreSize | undefined;
  let begunMs = -Infinity;

  async function count(): Promise<void> {
    let [blobs, bytes] = [0, 0];
    for await (const { sizeBytes } of store.list('layers')) {
      blobs++;
      bytes += sizeBytes;
    }
    last = { blobs, bytes };
  }

  return () => {
    if (nowMs() - begunMs >= COUNT_EVERY_MS) {
      begunMs = nowMs();
      count().catch((error: unknown) => {
        log.warn({ err: error }, 'the store cannot be counted');
      });
    }
    return last;
  };
}
