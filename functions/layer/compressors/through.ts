import type { Transform } from 'node:stream';
import type { Chunks } from '../compressor.ts';
import { feed } from '../../concurrency/feed.ts';

/**
 * What a stream makes of `input`. The next chunk is asked for when the stream has let go of the one before.
 *
 * @throws the source's error, or the stream's
 */
export async function* through(stream: Transform, input: Chunks): AsyncGenerator<Buffer, void, void> {
  const fed = feed(stream, input).catch((error: unknown) => {
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } finally {
    stream.destroy();
    await fed;
  }
}
