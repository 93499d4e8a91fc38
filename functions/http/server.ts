import diagnostics from 'node:diagnostics_channel';
import { type IncomingMessage, Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { send } from './answer.ts';
import { malformedTargetAnswer } from './error-answer.ts';

/**
 * Calls back with the server once this process listens: the framework makes it and keeps it to itself.
 *
 * @param ready gets the server and its port
 */
export function whenListening(ready: (server: Server, port: number) => void): void {
  diagnostics.subscribe('tracing:net.server.listen:asyncEnd', (message) => {
    const { server } = message as { server?: unknown };
    if (!isHttpServer(server)) return;
    // The framework adds its own listener and then its handlers of signals; ours come after those.
    server.once('listening', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) ready(server, address.port);
    });
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

/** From SIGTERM to the end: Cloud Run kills ten seconds after it. */
const DRAIN_MS = 8_000;
const DRAIN_LOOK_MS = 50;

/**
 * Ends the process in good order at SIGTERM (and Ctrl-C): no new connections, running answers are finished within eight
 * seconds, exit code 0. The framework's own handlers, which cut running answers off, are removed.
 *
 * @param stop ends what goes on without a request; it is called at once
 */
export function stopAtSignals(server: Server, stop: () => Promise<void>, log: Pick<Logger, 'info' | 'error'>): void {
  let stopping = false;
  async function drain(signal: NodeJS.Signals): Promise<void> {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    const closed = new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
    // A connection whose answer is finished is idle, and would stay open for its next request.
    const look = setInterval(() => {
      server.closeIdleConnections();
    }, DRAIN_LOOK_MS);
    const stopped = stop().catch((error: unknown) => {
      log.error({ err: error }, 'could not stop in good order');
    });
    await Promise.race([Promise.all([closed, stopped]), sleep(DRAIN_MS)]);
    clearInterval(look);
    process.exit(0);
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => void drain(signal));
  }
}

function isDecodable(target: string): boolean {
  try {
    decodeURIComponent(target);
    return true;
  } catch {
    return false; // URIError: the escapes are no UTF-8.
  }
}
