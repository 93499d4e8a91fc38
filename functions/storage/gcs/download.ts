import type { File } from '@google-cloud/storage';
import { Readable, addAbortSignal } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ByteRange, Generation } from '../blob-store.ts';
import { BucketSilentError, withDeadline } from './deadline.ts';
import { ifFound } from './error.ts';

/** One answer to a request for an object's content. */
export interface Download {
  /** Length of the whole object, also when a part of it is asked for. */
  readonly sizeBytes: number;
  readonly generation: Generation;
  /** As it comes; ends early when the connection does. */
  readonly source: Readable;
}

/** Retries of a request that had no answer, or one that says to come again, from one second on. */
const RETRIES = { retry: 5, noResponseRetries: 5, retryDelay: 1000 };

/**
 * Asks for an object's content and waits for the head of the answer; undefined when there is no such object. Not by
 * the library's `createReadStream`, which takes no signal, needs another request for the length, and warns of leaks.
 *
 * @throws Error also when the object has not all of the `range`
 */
export async function download(
  file: File,
  { range, signal }: { readonly range?: ByteRange | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Download | undefined> {
  const { apiEndpoint, authClient } = file.storage;
  const url = new URL(`${apiEndpoint}/storage/v1/b/${file.bucket.name}/o/${encodeURIComponent(file.name)}?alt=media`);
  if (file.generation !== undefined) url.searchParams.set('generation', String(file.generation));
  const answer = await ifFound(
    authClient.request<Readable>({
      url,
      responseType: 'stream',
      headers: { ...(range && { Range: `bytes=${range.start}-${range.end}` }), 'Accept-Encoding': 'identity' },
      ...(signal && { signal }),
      retryConfig: RETRIES,
    }),
  );
  if (answer === undefined) return undefined;
  const { data: source, headers } = answer;
  const sizeBytes = Number(/\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1] ?? headers.get('content-length'));
  const problem = !Number.isSafeInteger(sizeBytes)
    ? 'the answer says nothing of its length'
    : range && range.end >= sizeBytes && `no bytes ${range.start} to ${range.end} in ${sizeBytes}`;
  if (problem) {
    source.destroy();
    throw new Error(problem);
  }
  return { sizeBytes, generation: headers.get('x-goog-generation') ?? '', source };
}

/** Connections may break; after so many times without one more byte, reading fails. */
const MAX_FAILURES = 4;
const FIRST_WAIT_MS = 200;
/** A connection that gives nothing for so long, while more is wanted, or the head of an answer, counts as broken. */
const STALLED_MS = 10_000;

/**
 * The content of a download to its end: where a connection breaks, another one goes on from there, with the same
 * generation.
 *
 * @param about `progressed` is called with each chunk
 * @param fail makes the error that the stream is destroyed with
 */
export function wholeContent(
  file: File,
  first: Download,
  about: {
    readonly range?: ByteRange | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly progressed?: () => void;
    readonly stalledMs?: number | undefined;
  },
  fail: (cause: unknown) => Error,
): Readable {
  const { range, signal, progressed, stalledMs = STALLED_MS } = about;
  let { source } = first;
  const stop = new AbortController();
  const sameGeneration = file.bucket.file(file.name, { generation: first.generation });

  async function goOn(position: number, end: number, failures: number): Promise<Readable> {
    await sleep(FIRST_WAIT_MS * 2 ** (failures - 1), undefined, { signal: stop.signal });
    const asking = (late: AbortSignal) => download(sameGeneration, { range: { start: position, end }, signal: late });
    const next = await withDeadline(stalledMs, asking, { signal: stop.signal });
    if (next === undefined) throw new Error(`it was deleted when it was read up to byte ${position}`);
    return next.source;
  }

  /** The next chunk of what is read now; undefined at its end. */
  async function nextChunk(chunks: AsyncIterator<Buffer, undefined>): Promise<Buffer | undefined> {
    const stalled = setTimeout(() => source.destroy(new BucketSilentError(stalledMs)), stalledMs);
    try {
      return (await chunks.next()).value;
    } finally {
      clearTimeout(stalled);
    }
  }

  async function* content(): AsyncGenerator<Buffer, void, void> {
    let position = range?.start ?? 0;
    const end = range?.end ?? first.sizeBytes - 1;
    for (let failures = 0; ;) {
      try {
        const chunks = (source as AsyncIterable<Buffer, undefined>)[Symbol.asyncIterator]();
        for (let chunk = await nextChunk(chunks); chunk !== undefined; chunk = await nextChunk(chunks)) {
          position += chunk.length;
          failures = 0;
          progressed?.();
          yield chunk;
        }
        if (position > end) return;
        throw new Error(`the connection ended at byte ${position} of ${end + 1}`);
      } catch (error) {
        if (stop.signal.aborted || ++failures > MAX_FAILURES) throw fail(error);
        source = await goOn(position, end, failures).catch((cause: unknown) => {
          throw fail(cause);
        });
      }
    }
  }

  const stream = Readable.from(content(), { objectMode: false });
  // A generator that waits for bytes does not notice that nobody wants them any more.
  stream.once('close', () => {
    stop.abort();
    source.destroy();
  });
  return signal ? addAbortSignal(signal, stream) : stream;
}
