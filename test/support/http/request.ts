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

/**
 * As {@link request}, sent on while an image is being made: a busy machine takes longer for it than one request is held.
 * Other redirects are not followed.
 */
export async function requestHeld(
  origin: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  let answer = await request(origin, method, path, headers);
  for (;;) {
    const { location } = answer.headers;
    if (answer.status !== 307 || location === undefined || !/[?&]hop=/.test(location)) return answer;
    answer = await request(origin, method, location, headers);
  }
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

/**
 * A whole pull, as docker does it.
 *
 * @throws Error when a part of it is not there
 */
export async function pullWhole(origin: string, name: string): Promise<void> {
  const manifests = `/v2/${name}/manifests/latest`;
  await request(origin, 'GET', '/v2/');
  await requestHeld(origin, 'HEAD', manifests);
  const { status, body } = await requestHeld(origin, 'GET', manifests);
  if (status !== 200) throw new Error(`${manifests}: ${status} ${body.toString()}`);
  const { config, layers } = JSON.parse(body.toString()) as Record<'config', { digest: string }> & {
    layers: { digest: string }[];
  };
  for (const { digest } of [config, ...layers]) {
    const blob = await request(origin, 'GET', `/v2/${name}/blobs/${digest}`);
    if (blob.status !== 200) throw new Error(`${digest}: ${blob.status}`);
  }
}
