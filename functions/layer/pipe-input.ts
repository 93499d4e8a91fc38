import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { type Chunks, isThreadInput, type ThreadInput } from './compressor.ts';
import { feed } from './feed.ts';

/** What goes into a pipe. */
export interface PipeInput {
  /** Writes all and closes the pipe. @throws the source's error, or EPIPE when nobody reads any more */
  feed(): Promise<void>;
  /** True when it was the source that failed, and not the pipe. */
  readonly sourceFailed: boolean;
  /** Lets `feed` fail soon. */
  stop(): void;
}

/** @param path a named pipe that somebody has open for reading */
export function pipeInput(path: string, input: Chunks | ThreadInput): PipeInput {
  return isThreadInput(input) ? threadInput(path, input) : chunkInput(path, input);
}

/** Written by the input's own thread, which waits while the pipe is full. */
function threadInput(path: string, input: ThreadInput): PipeInput {
  const descriptor = openSync(path, constants.O_WRONLY);
  let sourceFailed = false;
  return {
    async feed() {
      try {
        await input.writeTo(descriptor);
      } catch (error) {
        sourceFailed = !(error instanceof Error && 'code' in error && error.code === 'EPIPE');
        throw error;
      } finally {
        closeSync(descriptor);
      }
    },
    get sourceFailed() {
      return sourceFailed;
    },
    stop() {
      input.cancel();
    },
  };
}

function chunkInput(path: string, chunks: Chunks): PipeInput {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const socket = new Socket({ fd: descriptor, readable: false, writable: true });
  let sourceFailed = false;
  async function* watched(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* chunks;
    } catch (error) {
      sourceFailed = true;
      throw error;
    }
  }
  return {
    async feed() {
      try {
        await feed(socket, watched());
      } finally {
        socket.destroy();
      }
    },
    get sourceFailed() {
      return sourceFailed;
    },
    stop() {
      socket.destroy();
    },
  };
}
