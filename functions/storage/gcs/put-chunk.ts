import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** What the bucket answers to a chunk: 308 until the object is complete. */
export interface ChunkAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A chunk was answered with an error. */
class ChunkRefusedError extends Error {
  override readonly name = 'ChunkRefusedError';
  readonly status: number;

  constructor(status: number, body: string) {
    super(body.slice(0, MAX_MESSAGE_CHARACTERS) || `the bucket answered with ${status}`);
    this.status = status;
  }
}

const MAX_MESSAGE_CHARACTERS = 500;
/** No bytes for this long mean that the other side is gone. */
const IDLE_TIMEOUT_MS = 20_000;

const AGENT_OPTIONS = { keepAlive: true, proxyEnv: process.env };
const httpAgent = new HttpAgent(AGENT_OPTIONS);
const httpsAgent = new HttpsAgent(AGENT_OPTIONS);

/**
 * Sends one chunk of a resumable upload. The session's address is the credential (Cloud Storage, "Resumable uploads"), so
 * that nothing of the client library is needed, which spends more time on a chunk than its checksum takes.
 *
 * @param contentRange as in Content-Range
 * @throws an error with a `status`, or with the `code` of a connection that failed; the signal's reason
 */
export async function putChunk(
  sessionUri: string,
  bytes: Buffer,
  contentRange: string,
  signal: AbortSignal,
): Promise<ChunkAnswer> {
  const isSecure = sessionUri.startsWith('https:');
  const request = (isSecure ? requestHttps : requestHttp)(sessionUri, {
    method: 'PUT',
    agent: isSecure ? httpsAgent : httpAgent,
    headers: {
      'Content-Range': contentRange,
      'Content-Length': bytes.length,
      'Content-Type': 'application/octet-stream',
    },
    timeout: IDLE_TIMEOUT_MS,
    signal,
  });
  request.once('timeout', () => {
    request.destroy(Object.assign(new Error('the bucket says nothing'), { code: 'ETIMEDOUT' }));
  });
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  request.end(bytes);
  const [response] = await answered;
  const { statusCode: status = 0, headers } = response;
  const body = await text(response);
  if (status !== 308 && (status < 200 || status >= 300)) throw new ChunkRefusedError(status, body);
  return { status, headers, body };
}
