import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { send } from '../../functions/answers/answer.ts';
import type { Handler } from '../../functions/http/handler.ts';
import { type HttpServer, serve } from '../support/http/server.ts';

const BYTES = 64 * 1024 * 1024;
/** What no system keeps for a client that does not read. */
const piece = Buffer.alloc(64 * 1024);

/** `/slow` has no answer for a second, `/long` is long, all else is short. */
const handle: Handler = async (request, response) => {
  if (request.url === '/slow') await sleep(1_000);
  const pieces = function* () {
    for (let sent = 0; sent < BYTES; sent += piece.length) yield piece;
  };
  const body =
    request.url === '/long'
      ? { sizeBytes: BYTES, open: () => Promise.resolve(Readable.from(pieces(), { objectMode: false })) }
      : Buffer.from('short');
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  await send(request, response, { status: 200, headers: {}, body }, gone.signal);
};

/** A connection that has asked for something. */
async function asking({ port }: HttpServer, path: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return socket;
}

async function answered(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

describe('a connection on which nothing happens', () => {
  it('stays open for longer than a load balancer keeps it', async () => {
    await using server = await serve(handle);
    const socket = await asking(server, '/');
    assert.match(await answered(socket), /\r\nKeep-Alive: timeout=620\r\n/);
    // Beyond the time that the headers of a request may take.
    await sleep(12_000);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(await answered(socket), /^HTTP\/1\.1 200/);
    socket.destroy();
  });

  it('is closed after its time', async () => {
    await using server = await serve(handle, { idleMs: 100 });
    const socket = await asking(server, '/');
    await answered(socket);
    await once(socket, 'close');
  });

  it('is closed when others need its place, the one that was idle for the longest first', async () => {
    await using server = await serve(handle, { maxConnections: 5 });
    const idle: Socket[] = [];
    for (let count = 0; count < 4; count++) {
      const socket = await asking(server, '/');
      await answered(socket);
      idle.push(socket);
    }
    // The first one was used again since.
    const [first, second] = idle;
    first?.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    if (first) await answered(first);
    const closed = second && once(second, 'close');
    const next = await asking(server, '/');
    assert.match(await answered(next), /^HTTP\/1\.1 200/);
    await closed;
    // Any number of others, one after the other.
    for (let count = 0; count < 20; count++) idle.push(await asking(server, '/'));
    for (const socket of idle.slice(-3)) assert.match(await answered(socket), /^HTTP\/1\.1 200/);
    for (const socket of [...idle, next]) socket.destroy();
  });

  it('is ended when its client has stopped to read a response', async () => {
    await using server = await serve(handle, { stalledMs: 300 });
    const socket = await asking(server, '/long');
    socket.pause();
    await sleep(1_500);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
    // Whether what was sent before can still be read is the kernel's to say.
    await once(socket, 'close').catch((error: unknown) => {
      assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET');
    });
    assert.ok(bytes < BYTES, `${bytes} bytes`);
  });

  it('is let be while a client reads slowly, and while it waits for an answer', async () => {
    await using server = await serve(handle, { stalledMs: 400 });
    const waits = await asking(server, '/slow');
    const slow = connect({ port: server.port, host: '127.0.0.1', readableHighWaterMark: 1024 } as never);
    await once(slow, 'connect');
    slow.write('GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let bytes = 0;
    slow.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      // A pause now and then, shorter than the limit, of several times that in all.
      if (Math.floor(bytes / (8 * 1024 * 1024)) === Math.floor((bytes - chunk.length) / (8 * 1024 * 1024))) return;
      slow.pause();
      setTimeout(() => slow.resume(), 250);
    });
    assert.match(await answered(waits), /^HTTP\/1\.1 200/);
    await once(slow, 'close');
    assert.ok(bytes > BYTES, `${bytes} bytes`);
    waits.destroy();
  });
});
