import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * How long a connection stays open for its next request, in milliseconds: longer than those in front keep theirs, which
 * otherwise send into one that is being closed. Google's front end keeps them for 600 s ("Timeouts and retries" of its
 * load balancers).
 */
const IDLE_MS = 620_000;
/** How long a client may take nothing of its response, in milliseconds. One who takes a byte now and then is let be. */
const STALLED_MS = 120_000;
/** The part of all connections that is kept free for new ones as long as there are idle ones to be closed. */
const SPARE = 0.01;

/**
 * Ends connections on which nothing happens: idle ones after a while, or sooner when others need their place, those idle for
 * the longest first; and those whose client has stopped to read. To be called when the server listens, after `request`
 * has its listener.
 */
export function endQuietConnections(server: Server, { idleMs = IDLE_MS, stalledMs = STALLED_MS } = {}): void {
  server.keepAliveTimeout = idleMs;
  server.timeout = stalledMs;
  /** How many responses each connection is to have; pipelined requests come before the answer to the first. */
  const waiting = new Map<Socket, number>();
  /** Those without, in the order in which they became idle. */
  const idle = new Set<Socket>();

  server.on('connection', (socket: Socket) => {
    waiting.set(socket, 0);
    socket.once('close', () => {
      waiting.delete(socket);
      idle.delete(socket);
    });
    const most = Math.ceil(server.maxConnections * (1 - SPARE)) - 1;
    const [oldest] = idle;
    if (waiting.size > most) oldest?.destroy();
  });

  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    idle.delete(socket);
    waiting.set(socket, (waiting.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (waiting.get(socket) ?? 1) - 1;
      if (socket.destroyed) return;
      waiting.set(socket, left);
      if (left === 0) idle.add(socket);
    });
  });

  // Node counts what the system takes of a long write as a sign of life, and has set the time for idle ones when they are.
  server.on('timeout', (socket: Socket) => {
    const isWaitingForUs = (waiting.get(socket) ?? 0) > 0 && socket.writableLength === 0;
    if (!isWaitingForUs) socket.destroy();
  });
}
