import diagnostics from 'node:diagnostics_channel';
import { type IncomingMessage, Server, type ServerResponse } from 'node:http';
import { send } from './answer.ts';
import { malformedTargetAnswer } from './respond.ts';

/**
 * Calls back with the server once this process listens: the framework makes it and keeps it to itself.
 *
 * @param ready gets the server and its port
 */
export function whenListening(ready: (server: Server, port: number) => void): void {
  diagnostics.subscribe('tracing:net.server.listen:asyncEnd', (message) => {
    const { server } = message as { server?: unknown };
    if (!isHttpServer(server)) return;
    const address = server.address();
    if (typeof address === 'object' && address !== null) ready(server, address.port);
  });
}

function isHttpServer(server: unknown): server is Server {
  return server instanceof Server;
}

/**
 * Answers malformed percent escapes (`/v2/%zz`) before the framework sees them: it would answer with a page of HTML.
 * Every other request takes its usual way.
 */
export function refuseMalformedTargets(server: Server): void {
  const listeners = server.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (isDecodable(request.url ?? '/')) {
      for (const listener of listeners) listener.call(server, request, response);
      return;
    }
    const answer = malformedTargetAnswer();
    // A small body in one write: it cannot fail but by the connection's end, of which nobody is to be told.
    send(request, response, answer, new AbortController().signal).catch(() => response.destroy());
  });
}

function isDecodable(target: string): boolean {
  try {
    decodeURIComponent(target);
    return true;
  } catch {
    return false; // URIError: the escapes are no UTF-8.
  }
}
