import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { pipeline } from 'node:stream/promises';

/** A load balancer that sends each request to the next of several servers, as one without cookies does at its worst. */
export interface AlternatingProxy extends AsyncDisposable {
  readonly host: string;
  /** Those that were answered. */
  readonly requests: { readonly path: string; readonly status: number }[];
}

export async function alternatingProxy(origins: readonly string[]): Promise<AlternatingProxy> {
  const requests: AlternatingProxy['requests'] = [];
  let next = 0;
  const server = createServer((incoming, outgoing) => {
    const { hostname, port } = new URL(origins[next++ % origins.length] ?? '');
    const path = incoming.url ?? '/';
    const forwarded = request(
      { hostname, port, path, method: incoming.method, headers: incoming.headers },
      (answer) => {
        requests.push({ path, status: answer.statusCode ?? 0 });
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        pipeline(answer, outgoing).catch(() => outgoing.destroy());
      },
    );
    forwarded.on('error', () => outgoing.destroy());
    outgoing.on('close', () => forwarded.destroy());
    forwarded.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return {
    host: `127.0.0.1:${address.port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
