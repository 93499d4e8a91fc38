import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readPieces, type ReadPieces } from '../storage/read-pieces.ts';
import { bringsBody } from './request-body.ts';

/** A response before it is sent: the same for GET and HEAD. */
export interface Answer {
  readonly status: number;
  /** Stands behind the status where clients show nothing else (ctr 1.6); the standard phrase when absent. */
  readonly reason?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | StreamedBody | LiveBody;
}

/** A body that is opened when it is needed. */
export interface StreamedBody {
  readonly sizeBytes: number;
  /** Undefined when the content has gone since its length was asked. What is read may lie in `pieces`. */
  readonly open: (pieces: ReadPieces) => Promise<Readable | undefined>;
}

/** A body that goes on until it has nothing more to say or the client leaves. Its length is known to nobody. */
export interface LiveBody {
  readonly follow: (signal: AbortSignal) => Readable;
}

/** The content of a {@link StreamedBody} was gone when it was to be sent; nothing of the response is out. */
export class BodyGoneError extends Error {
  readonly code = 'BODY_GONE';
  override readonly name = 'BodyGoneError';
}

/**
 * Whether nothing can come behind a request on its connection: its body stays unread; and Node, when a client wanted to
 * go on in another protocol, hangs up on some of what follows.
 */
function isLast(request: IncomingMessage): boolean {
  return bringsBody(request) || request.headers.upgrade !== undefined;
}

/**
 * Sends an answer. HEAD gets the headers of GET, Content-Length included, and no body.
 *
 * @throws BodyGoneError before anything is sent; afterwards an error destroys the connection, so that the client sees
 *   a body that was cut and not one that is whole
 */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  signal: AbortSignal,
): Promise<void> {
  const { status, reason, headers, body } = answer;
  const bodyless = request.method === 'HEAD' || status === 304;
  const pieces = readPieces();
  const stream = bodyless || Buffer.isBuffer(body) ? undefined : await streamOf(body, pieces, signal);

  response.removeHeader('X-Powered-By');
  if (reason !== undefined) response.statusMessage = reason;
  response.writeHead(status, {
    ...headers,
    ...(status !== 304 && lengthOf(body)),
    ...(isLast(request) && { Connection: 'close' }),
  });
  if (stream !== undefined) {
    // Afterwards all of it is sent, or the connection is gone.
    await pipeline(stream, response, { signal }).finally(() => {
      pieces.end();
    });
  } else if (bodyless) response.end();
  else response.end(body);
}

async function streamOf(body: StreamedBody | LiveBody, pieces: ReadPieces, signal: AbortSignal): Promise<Readable> {
  if ('follow' in body) return body.follow(signal);
  const stream = await body.open(pieces);
  if (stream === undefined) throw new BodyGoneError('the content is gone');
  return stream;
}

function lengthOf(body: Answer['body']): Record<string, string> {
  if (Buffer.isBuffer(body)) return { 'Content-Length': String(body.length) };
  return 'follow' in body ? {} : { 'Content-Length': String(body.sizeBytes) };
}
