import { type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { SHORT_BYTES } from '../storage/read-pieces.ts';

/** A request's line and headers, in bytes: a name of 255 characters, an access token of 2 kB and what proxies add. */
const MAX_HEADER_BYTES = 16 * 1024;
/** How long a client may take for its headers, and for its whole request, in milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** How often Node looks for clients that took longer. */
const LOOK_EVERY_MS = 1_000;
/** Connections at once: beyond that they are closed. Cloud Run sends an instance 1,000 requests at once at the most. */
const MAX_CONNECTIONS = 10_000;

/** Bounds what a client can hold by being slow, or large, or many. To be called before the server listens. */
export function limitConnections(server: Server): void {
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  // Options of createServer(), which the framework calls. Node reads them later: when it listens, at each connection and
  // at each request, where a missing Host is answered as all errors are.
  Object.assign(server, {
    connectionsCheckingInterval: LOOK_EVERY_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    requireHostHeader: false,
    // A response that has so much that the system does not take yet is given no more: one piece of what is read for it.
    highWaterMark: SHORT_BYTES,
  });
}

/** Answers with JSON what Node refuses before it is a request: it would answer with an empty body. */
export function answerBrokenRequests(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    switch (error.code) {
      case 'HPE_HEADER_OVERFLOW':
        refuse(socket, 431, `the request's line and headers have more than ${MAX_HEADER_BYTES} bytes`);
        return;
      case 'ERR_HTTP_REQUEST_TIMEOUT':
        refuse(socket, 408, 'the request took too long to come');
        return;
      default:
        refuse(socket, 400, 'this is not a request of HTTP/1.1');
    }
  });
  server.on('connect', (_request, socket: Duplex) => {
    refuse(socket, 405, 'this is a registry, not a proxy');
  });
}

function refuse(socket: Duplex, status: number, message: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ errors: [{ code: 'UNSUPPORTED', message }] });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  // A client that goes on sending would keep the connection open by not reading.
  socket.on('error', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
