import type { File } from '@google-cloud/storage';
import { Readable, addAbortSignal } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ByteRange, Generation } from './blob-store.ts';
import { isBucketMissing, statusOf } from './gcs-error.ts';

/** One answer to a request for an object's content. */
export interface Download {
  /** Length of the whole object, also when a part of it is asked for. */
  readonly sizeBytes: number;
  readonly generation: Generation;
  /** As it comes; ends early when the connection does. */
  readonly source: Readable;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/**
 * Asks for an object's content and waits for the head of the answer; undefined when there is no such object.
 *
 * @throws Error also when the object has not all of the `range`
 */
export async function download(file: File, range?: ByteRange): Promise<Download | undefined> {
  const source = file.createReadStream({ validation: false, decompress: false, ...range });
  try {
    const { headers } = await answerOf(source);
    const sizeBytes = Number(/\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1] ?? headers['content-length']);
    if (!Number.isSafeInteger(sizeBytes)) throw new Error('the answer says nothing of its length');
    if (range && range.end >= sizeBytes) throw new Error(`no bytes ${range.start} to ${range.end} in ${sizeBytes}`);
    return { sizeBytes, generation: headers['x-goog-generation'] ?? '', source };
  } catch (error) {
    source.on('error', () => undefined).destroy(); // What it could still report is in what is thrown.
    if (statusOf(error) === 404 && !isBucketMissing(error)) return undefined;
    throw error;
  }
}

function answerOf(source: Readable): Promise<Answer> {
  return new Promise((resolve, reject) => {
    source.once('error', reject);
    source.once('response', (answer: Answer) => {
      // Another status becomes an error as soon as the library has read what it says.
      if (answer.statusCode === 200 || answer.statusCode === 206) resolve(answer);
    });
    source.read(0);
  });
}

/** Connections may break; after so many times without one more byte, reading fails. */
const MAX_FAILURES = 4;
const FIRST_WAIT_MS = 200;

/**
 * The content of a download to its end: where a connection breaks, another one goes on from there, with the same
 * generation.
 *
 * @param again asks anew for a part of the generation that `first` is
 * @param fail makes the error that the stream is destroyed with
 */
export function wholeContent(
  first: Download,
  range: ByteRange | undefined,
  again: (range: ByteRange) => Promise<Download | undefined>,
  fail: (cause: unknown) => Error,
  signal: AbortSignal | undefined,
): Readable {
  let { source } = first;
  const stop = new AbortController();

  async function* content(): AsyncGenerator<Buffer, void, void> {
    let position = range?.start ?? 0;
    const end = range?.end ?? first.sizeBytes - 1;
    for (let failures = 0; ;) {
      try {
        for await (const chunk of source as AsyncIterable<Buffer>) {
          position += chunk.length;
          failures = 0;
          yield chunk;
        }
        if (position > end) return;
        throw new Error(`the connection ended at byte ${position} of ${end + 1}`);
      } catch (error) {
        if (stop.signal.aborted || ++failures > MAX_FAILURES) throw fail(error);
        await sleep(FIRST_WAIT_MS * 2 ** (failures - 1), undefined, { signal: stop.signal });
        const next = await again({ start: position, end }).catch((cause: unknown) => {
          throw fail(cause);
        });
        if (next === undefined) throw fail(new Error(`it was deleted when ${position} bytes were read`));
        source = next.source;
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
