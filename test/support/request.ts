import { once } from 'node:events';
import { Agent, type IncomingMessage, request as send } from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface Response {
  readonly status: number;
  readonly headers: Record<string, string | undefined>;
  readonly body: Buffer;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** One request, with its path exactly as given: `fetch` would normalise `..` away. Redirects are not followed. */
export async function request(
  origin: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { hostname, port } = new URL(origin);
  const sent = send({ hostname, port, method, path, headers, agent });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = await buffer(response);
  if (!response.complete) throw new Error(`${method} ${path} was cut after ${body.length} bytes`);
  return { status: response.statusCode ?? 0, headers: response.headers as Record<string, string | undefined>, body };
}

/** As {@link request} with GET, sent on as often as a pull of a long build is. */
export async function pull(
  origin: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  let answer = await request(origin, 'GET', path, headers);
  while (answer.status === 307) answer = await request(origin, 'GET', answer.headers['location'] ?? '', headers);
  return answer;
}
