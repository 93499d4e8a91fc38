import diagnostics from 'node:diagnostics_channel';
import { Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { OperatorError } from '../operator-error.ts';

/** The port cannot be listened on: somebody else has it, or this user may not. */
export class ListenError extends OperatorError {
  override readonly name = 'ListenError';
}

/**
 * Calls back with the server once this process listens: the framework makes it and keeps it to itself.
 *
 * @param prepare gets the server before Node has set it up
 * @param ready gets the server and its port
 * @param failed gets why there is no listening, instead of the process's end with a stack trace
 */
export function whenListening(
  prepare: (server: Server) => void,
  ready: (server: Server, port: number) => void,
  failed: (error: ListenError) => void,
): void {
  diagnostics.subscribe('tracing:net.server.listen:error', (message) => {
    const { server } = message as { server?: unknown };
    if (!isHttpServer(server)) return;
    server.once('error', (error: NodeJS.ErrnoException & { readonly port?: number }) => {
      failed(new ListenError(listenProblem(error, error.port ?? 0), { cause: error }));
    });
  });
  diagnostics.subscribe('tracing:net.server.listen:asyncEnd', (message) => {
    const { server } = message as { server?: unknown };
    if (!isHttpServer(server)) return;
    prepare(server);
    // The framework adds its own listener and then its handlers of signals; ours come after those.
    server.once('listening', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) ready(server, address.port);
    });
  });
}

/** Whoever waits for a process to listen asks again within this time. */
const FIRST_ANSWER_MS = 15;

/**
 * Resolves once the server has answered somebody, or nobody came at once: loading the rest takes the thread for longer than
 * all before it, and whoever asks meanwhile would wait for that.
 */
export async function firstAnswer(server: Server): Promise<void> {
  const answered = new Promise<void>((resolve) => {
    server.once('request', (_request, response: ServerResponse) => response.once('close', resolve));
  });
  await Promise.race([answered, sleep(FIRST_ANSWER_MS)]);
}

function listenProblem(error: NodeJS.ErrnoException, port: number): string {
  if (error.code === 'EADDRINUSE') {
    return `port ${port} is taken by another process; stop that one, or choose another port with PORT=${port + 1}`;
  }
  if (error.code === 'EACCES') return `this user may not listen on port ${port}; choose one above 1023 with PORT`;
  return `cannot listen on port ${port}: ${error.message}`;
}

function isHttpServer(server: unknown): server is Server {
  return server instanceof Server;
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
export function stopAtSignals(server: Server, stop: () => Promise<unknown>, log: Pick<Logger, 'info' | 'error'>): void {
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
