import { Socket } from 'node:net';

/** How much is handed over at once: what follows costs as much for a small piece as for a large one. */
const PIECE_BYTES = 512 * 1024;

/** A pipe never gives more at once (Linux, pipe(7), "Pipe capacity"). */
const READ_BYTES = 64 * 1024;

/** What comes out of a pipe, once. */
export interface PipeOutput {
  /** Pieces that are valid until the next one is asked for; meanwhile reading goes on. @throws Error when closed before the end */
  readonly pieces: AsyncGenerator<Buffer, void, void>;
  /** Closes the pipe. */
  destroy(): void;
}

/**
 * Reads a pipe into two pieces of memory in turn, which are used again for other pipes: Node's own streams take new memory
 * for each read, and collecting it took more time than all the rest of packing in this thread.
 *
 * @param descriptor opened with O_NONBLOCK; closed at the end
 */
export function pipeOutput(descriptor: number): PipeOutput {
  let [filling, other] = spareMemory.pop() ?? [
    Buffer.allocUnsafeSlow(PIECE_BYTES),
    Buffer.allocUnsafeSlow(PIECE_BYTES),
  ];
  let used = 0;
  let full: Buffer | undefined;
  let isEnded = false;
  let isClosed = false;
  let wake = (): void => undefined;

  function swap(): Buffer {
    const piece = filling.subarray(0, used);
    [filling, other] = [other, filling];
    used = 0;
    return piece;
  }
  const socket = new Socket({
    fd: descriptor,
    readable: true,
    writable: false,
    onread: {
      buffer: () => filling.subarray(used),
      callback: (bytes) => {
        used += bytes;
        if (PIECE_BYTES - used >= READ_BYTES) return true;
        full = swap();
        wake();
        // The other one may still be in use.
        return false;
      },
    },
  });
  socket.once('end', () => {
    isEnded = true;
    wake();
  });
  // A failure is followed by this, too.
  socket.on('error', () => undefined);
  socket.once('close', () => {
    isClosed = true;
    wake();
  });

  async function* pieces(): AsyncGenerator<Buffer, void, void> {
    try {
      for (;;) {
        while (full === undefined && !isEnded && !isClosed) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        if (full !== undefined) {
          const piece = full;
          full = undefined;
          socket.resume();
          yield piece;
        } else if (isEnded) {
          if (used > 0) yield swap();
          return;
        } else throw socket.errored ?? new Error('the pipe was closed before its end');
      }
    } finally {
      socket.destroy();
      spareMemory.push([filling, other]);
    }
  }

  return {
    pieces: pieces(),
    destroy: () => {
      socket.destroy();
    },
  };
}

/** As many as were ever in use at once. */
const spareMemory: [Buffer, Buffer][] = [];
