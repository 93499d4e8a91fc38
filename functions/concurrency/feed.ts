import type { Writable } from 'node:stream';

/**
 * Writes `chunks` to `stream` and ends it. The next chunk is asked for when the stream has let go of the one before, so
 * that a source can use its memory again: `pipeline` asks earlier, and would have a chunk overwritten on its way.
 *
 * @throws the source's error, or the stream's; also when the stream is destroyed before its end
 */
export async function feed(stream: Writable, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  // Every failure reaches the callback below; without a listener it would end the process as well.
  stream.on('error', () => undefined);
  for await (const chunk of chunks) await written(stream, chunk);
  await ended(stream);
}

/** Writes one chunk, and waits until the stream has let go of it. */
export function written(stream: Writable, chunk: Uint8Array): Promise<void> {
  return settled(stream, (done) => stream.write(chunk, done));
}

/** Ends a stream, and waits until it has taken all. */
export function ended(stream: Writable): Promise<void> {
  return settled(stream, (done) => stream.end(done));
}

function settled(stream: Writable, start: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // zlib never calls back for a chunk at which it failed (Node 24).
    const closed = (): void => {
      reject(stream.errored ?? new Error('the stream was closed before its end'));
    };
    stream.once('close', closed);
    start((error) => {
      stream.off('close', closed);
      if (error) reject(error);
      else resolve();
    });
  });
}
