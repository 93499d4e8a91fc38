import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * Many clients that begin to read an answer and stop: `node stalled-crowd.ts PORT PATH COUNT BYTES`. Every second one reads
 * nothing at all, the others so many bytes. Prints `stalled` when all have, and `left N` when the server has cut N of
 * them. Ends when all are gone, or its stdin does.
 */

const [port = '', path = '', count = '', readBytes = ''] = process.argv.slice(2);
const sockets: Socket[] = [];
let left = 0;

/** Resolves when it has stalled. */
async function stall(untilBytes: number): Promise<void> {
  const stalled = Promise.withResolvers<undefined>();
  let bytes = 0;
  const socket = connect({
    port: Number(port),
    host: '127.0.0.1',
    onread: {
      // One for all: what comes is of no interest.
      buffer: shared,
      callback(length) {
        bytes += length;
        if (bytes < untilBytes) return true;
        stalled.resolve(undefined);
        return false;
      },
    },
  });
  sockets.push(socket);
  // Being reset is one of the ways to be cut.
  socket.on('error', () => undefined);
  socket.once('close', () => {
    stalled.resolve(undefined);
    process.stdout.write(`left ${++left}\n`);
  });
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: registry\r\n\r\n`);
  await stalled.promise;
}

const shared = Buffer.alloc(64 * 1024);
/** At once: a listening socket holds no more until it is accepted. */
const BATCH = 100;
for (let begun = 0; begun < Number(count); begun += BATCH) {
  const size = Math.min(BATCH, Number(count) - begun);
  await Promise.all(Array.from({ length: size }, (_, index) => stall(index % 2 === 0 ? 1 : Number(readBytes))));
}
process.stdout.write('stalled\n');
process.stdin.resume().once('end', () => {
  for (const socket of sockets) socket.destroy();
});
