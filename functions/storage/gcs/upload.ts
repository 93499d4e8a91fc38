import type { File } from '@google-cloud/storage';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { withDeadline } from './deadline.ts';
import { ifFound, isTransient } from './error.ts';
import { type newObject, NO_GENERATION } from './object.ts';
import { putChunk } from './put-chunk.ts';

/** An object that is uploaded while it is made; its length is not known before its end. */
export interface ResumableUpload {
  /** Resolves when more is wanted; what fails, it or `end` throws. Not to be called again before. */
  write(chunk: Buffer): Promise<void>;
  /** Completes the object and says what the bucket has received. */
  end(): Promise<{ readonly sizeBytes: number; readonly md5: string | undefined }>;
  /** Gives up; the object is not there afterwards. */
  abort(): Promise<void>;
}

/**
 * What is kept until the bucket has confirmed it, so that it can be sent again; an upload fills another one meanwhile. Each
 * waits for an answer once, so a long upload sends long ones.
 */
const SHORT_CHUNK_BYTES = 1024 * 1024;
const LONG_CHUNK_BYTES = 2 * 1024 * 1024;
/** Those of one upload: several at once keep each other busy, and memory has a bound. */
const MAX_LONG_CHUNKS = 2;
let longChunks = 0;

/** How often in a row a chunk may fail, with waits from one second that double. */
const MAX_FAILURES = 5;
const FIRST_WAIT_MS = 1000;
/** How long a chunk may take, all its attempts, without one more byte that arrives. */
const STALLED_MS = 90_000;
/** How long the session, and the end of one that is given up, may take. */
const SESSION_MS = 60_000;

/** What the bucket says of an upload: the object that it has become, or how much of it has arrived. */
type Progress =
  | { readonly kind: 'complete'; readonly sizeBytes: number; readonly md5: string | undefined }
  | { readonly kind: 'incomplete'; readonly receivedBytes: number };

/** Of an object's description what is compared; lengths are texts in Google's JSON. */
const completeSchema = z.object({ size: z.coerce.number(), md5Hash: z.string().optional() });

/** Chunks that no upload uses: memory of this size is given back late, so it is used again. */
const freeChunks = new Map<number, Buffer[]>([
  [SHORT_CHUNK_BYTES, []],
  [LONG_CHUNK_BYTES, []],
]);

/**
 * Begins an upload (Cloud Storage, "Resumable uploads"). The session is the client library's; its own way to send the
 * chunks takes three times the memory and cannot tell that an object is complete when the last answer is lost.
 */
export async function resumableUpload(file: File, metadata: ReturnType<typeof newObject>): Promise<ResumableUpload> {
  const [uri] = await withDeadline(SESSION_MS, () =>
    file.createResumableUpload({ metadata, preconditionOpts: { ifGenerationMatch: NO_GENERATION } }),
  );
  const stop = new AbortController();
  let filling = takeChunk(SHORT_CHUNK_BYTES);
  /** It is being sent, or was and can be filled. */
  let sent = takeChunk(SHORT_CHUNK_BYTES);
  let filledBytes = 0;
  /** Where the chunk that is being filled begins. */
  let offset = 0;
  let sending: Promise<Progress> = Promise.resolve({ kind: 'incomplete', receivedBytes: 0 });

  /** @param range as in Content-Range */
  async function put(bytes: Buffer, range: string): Promise<Progress> {
    const { status, headers, body } = await putChunk(uri, bytes, `bytes ${range}`, stop.signal);
    if (status !== 308) {
      const { size, md5Hash: md5 } = completeSchema.parse(JSON.parse(body));
      return { kind: 'complete', sizeBytes: size, md5 };
    }
    const received = /-(\d+)$/.exec(headers.range ?? '')?.[1];
    return { kind: 'incomplete', receivedBytes: received === undefined ? 0 : Number(received) + 1 };
  }

  /** Sends what begins at `start`, as often as it takes. */
  async function send(bytes: Buffer, start: number, total: number | '*'): Promise<Progress> {
    const end = start + bytes.length;
    let position = start;
    let isKnown = true;
    let movedMs = performance.now();
    for (let failures = 0; ;) {
      try {
        const progress = isKnown
          ? await put(bytes.subarray(position - start), `${position}-${end - 1}/${total}`)
          : await put(Buffer.alloc(0), `*/${total}`);
        if (progress.kind === 'complete') return progress;
        const { receivedBytes } = progress;
        if (receivedBytes < start) throw new Error(`the bucket has lost what it received before byte ${start}`);
        if (receivedBytes > position) [failures, movedMs] = [0, performance.now()];
        else if (isKnown && ++failures > MAX_FAILURES)
          throw new Error(`the bucket takes nothing after byte ${position}`);
        position = receivedBytes;
        isKnown = true;
        if (position >= end && total === '*') return progress;
      } catch (error) {
        const isOver = performance.now() - movedMs > STALLED_MS || ++failures > MAX_FAILURES;
        if (stop.signal.aborted || !isTransient(error) || isOver) throw error;
        await sleep(FIRST_WAIT_MS * 2 ** (failures - 1), undefined, { signal: stop.signal });
        isKnown = false;
      }
    }
  }

  /** Sends what was filled, when the chunk before has arrived; does not wait for this one. */
  async function flush(total: number | '*'): Promise<void> {
    await sending;
    sending = send(filling.subarray(0, filledBytes), offset, total);
    // Whoever comes next awaits it; until then its failure is nobody's.
    sending.catch(() => undefined);
    offset += filledBytes;
    filledBytes = 0;
    [filling, sent] = [sent, filling];
    if (offset >= LONG_CHUNK_BYTES && filling.length < LONG_CHUNK_BYTES && longChunks < MAX_LONG_CHUNKS) {
      giveBack(filling);
      filling = takeChunk(LONG_CHUNK_BYTES);
    }
  }

  let areTaken = true;
  function leave(chunkIsLeft: (chunk: Buffer) => void): void {
    if (!areTaken) return;
    areTaken = false;
    chunkIsLeft(filling);
    chunkIsLeft(sent);
  }

  return {
    async write(chunk) {
      for (let from = 0; from < chunk.length;) {
        // A full chunk stays until there is more: the last one is sent with the length of the whole.
        if (filledBytes === filling.length) await flush('*');
        const taken = chunk.copy(filling, filledBytes, from);
        filledBytes += taken;
        from += taken;
      }
    },
    async end() {
      await flush(offset + filledBytes);
      const progress = await sending;
      if (progress.kind === 'incomplete') throw new Error('the bucket does not say that the upload is complete');
      leave(giveBack);
      return progress;
    },
    async abort() {
      stop.abort();
      await Promise.allSettled([sending]);
      // A request that failed may not have let go of them: nobody gets them again.
      leave(uncount);
      // The last request may have arrived although its answer did not.
      await withDeadline(SESSION_MS, () => ifFound(file.delete()));
    },
  };
}

function takeChunk(bytes: number): Buffer {
  if (bytes === LONG_CHUNK_BYTES) longChunks++;
  return freeChunks.get(bytes)?.pop() ?? Buffer.allocUnsafeSlow(bytes);
}

function uncount(chunk: Buffer): void {
  if (chunk.length === LONG_CHUNK_BYTES) longChunks--;
}

function giveBack(chunk: Buffer): void {
  uncount(chunk);
  freeChunks.get(chunk.length)?.push(chunk);
}
