import { once } from 'node:events';
import { connect } from 'node:net';

/** Many connections that each send a byte a second: `node slow-crowd-child.ts PORT COUNT`. Ends when all are closed. */

const [port, count] = process.argv.slice(2).map(Number);
const head = 'GET /v2/greet/manifests/latest HTTP/1.1\r\nHost: slow\r\nX-Padding: ';
let connected = 0;
let [left, answered] = [0, 0];

async function crawl(): Promise<void> {
  const socket = connect({ port: port ?? 0, host: '127.0.0.1' });
  await once(socket, 'connect');
  if (++connected === count) process.stdout.write('connected\n');
  let sent = 0;
  // The first byte now, and the others one a second.
  const timer = setInterval(() => socket.write(head[sent++] ?? 'x'), 1000);
  socket.write(head[sent++] ?? '');
  socket.on('data', (chunk: Buffer) => {
    if (!chunk.toString().startsWith('HTTP/1.1 408')) answered++;
  });
  // Being reset is one of the ways to be sent away: who writes before reading what came sees that alone.
  socket.on('error', () => undefined);
  await once(socket, 'close');
  clearInterval(timer);
  // It never leaves by itself.
  left++;
}

await Promise.all(Array.from({ length: count ?? 0 }, crawl));
process.stdout.write(`left ${left} ${answered}\n`);
