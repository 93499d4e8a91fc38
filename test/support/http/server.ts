import { once } from 'node:events';
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { answerBeforeFramework } from '../../../functions/http/before-framework.ts';
import { answerBrokenRequests, limitConnections } from '../../../functions/http/connections.ts';
import type { Handler } from '../../../functions/http/handler.ts';
import { endQuietConnections } from '../../../functions/http/quiet-connections.ts';

/** A handler on a port, in functions-framework's server with all that the service adds to it, in this process. */
export interface HttpServer extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
}

let count = 0;

/** @param quiet how long connections may be quiet, and how many there may be; as in the service when absent */
export async function serve(
  handle: Handler,
  quiet: { idleMs?: number; stalledMs?: number; maxConnections?: number } = {},
): Promise<HttpServer> {
  const name = `function-${count++}`;
  http(name, handle);
  const server = getTestServer(name);
  limitConnections(server);
  if (quiet.maxConnections !== undefined) server.maxConnections = quiet.maxConnections;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  answerBeforeFramework(server, handle);
  answerBrokenRequests(server);
  endQuietConnections(server, quiet);
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
