import type { Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { http } from '@google-cloud/functions-framework';
import { composeAccess } from './compose/access.ts';
import type { ComposedRegistry } from './compose/registry.ts';
import { type Config, parseConfig } from './config/config.ts';
import { answerBeforeFramework } from './http/before-framework.ts';
import { answerBrokenRequests, limitConnections } from './http/connections.ts';
import { earlyHandler } from './http/early-handler.ts';
import type { Handler } from './http/handler.ts';
import { collectAfterCrowds } from './http/memory-of-crowds.ts';
import { endQuietConnections } from './http/quiet-connections.ts';
import { firstAnswer, stopAtSignals, whenListening } from './http/server.ts';
import { createLog } from './log.ts';

/**
 * What is imported here is loaded before the first answer, which a client of an instance that starts waits for. The
 * registry, its store and its ways to Nix are loaded behind it.
 */
async function start(config: Config): Promise<Handler> {
  const log = createLog(config.logFormat);
  const { gate, description: access } = await composeAccess(config.access, log);
  const composing = Promise.withResolvers<ComposedRegistry>();
  const handle = earlyHandler({
    gate,
    addresses: config.access.addresses,
    log,
    composing: composing.promise.then((composed) => composed.handle),
  });

  async function compose(port: number): Promise<void> {
    const { composeRegistry } = await import('./compose/registry.ts');
    const composed = await composeRegistry(config, { gate, log, folder: import.meta.dirname });
    composing.resolve(composed);
    log.info({ port, ...composed.description, access }, 'ready');
    if (config.logFormat === 'text') process.stdout.write(`\nTry it:  docker run --rm localhost:${port}/hello\n\n`);
    composed.warmUp().catch((error: unknown) => {
      log.error({ err: error }, 'cannot make layers');
    });
  }

  const listening = (server: Server, port: number): void => {
    answerBeforeFramework(server, handle);
    answerBrokenRequests(server);
    endQuietConnections(server);
    collectAfterCrowds(server);
    stopAtSignals(server, async () => (await composing.promise).stop(), log);
    void firstAnswer(server)
      .then(() => compose(port))
      .catch(giveUp);
  };
  whenListening(limitConnections, listening, (error) => void giveUp(error));
  return handle;
}

/** Ends the process with what a person can mend. */
async function giveUp(error: unknown): Promise<never> {
  const { toldToOperator } = await import('./operator-error.ts');
  process.stderr.write(`nixery-run cannot start: ${toldToOperator(error)}\n`);
  process.exit(1);
}

try {
  const programFolder = fileURLToPath(new URL('..', import.meta.url));
  const config = parseConfig(process.env, { programFolder, terminal: process.stdout.isTTY });
  http('registry', await start(config));
} catch (error) {
  await giveUp(error);
}
