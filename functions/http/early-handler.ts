import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { type AddressSource, clientAddress } from '../access/client-address.ts';
import type { Admission, Gate } from '../access/gate.ts';
import { type Answer, send } from '../answers/answer.ts';
import { refusedAnswer } from '../answers/refused-login.ts';
import type { Handler } from './handler.ts';
import { baseAnswer } from '../answers/json.ts';
import { healthAnswer, readyAnswer } from '../answers/probe.ts';
import { bringsBody } from '../answers/request-body.ts';
import { route } from './route.ts';

const STARTING = [{ kind: 'starting', message: 'the process is about to be ready' }] as const;

/**
 * Answers from the first moment: probes and `/v2/` need no store and no Nix. Everything else waits until the registry is
 * put together, and goes to it.
 *
 * @param world `composing`: the registry's own handler; where there will be none, the process ends
 */
export function earlyHandler(world: {
  readonly gate: Gate;
  readonly addresses: AddressSource;
  readonly log: Pick<Logger, 'error'>;
  readonly composing: Promise<Handler>;
}): Handler {
  const { gate, addresses, log, composing } = world;
  let composed: Handler | undefined;
  void composing.then((handle) => (composed = handle));

  /** Undefined for what has to wait. */
  function answerAtOnce(request: IncomingMessage): Answer | Promise<Answer> | undefined {
    if (bringsBody(request)) return undefined;
    const { kind } = route(request.method ?? 'GET', request.url ?? '/');
    if (kind === 'health') return healthAnswer();
    if (kind === 'ready') return readyAnswer(STARTING);
    if (kind !== 'base') return undefined;
    const forwarded = request.headers['x-forwarded-for'] as string | undefined;
    const admitting = gate.admit(
      request.headers.authorization,
      clientAddress(addresses, forwarded, request.socket.remoteAddress),
    );
    const answer = (admission: Admission) => (admission.kind === 'admitted' ? baseAnswer() : refusedAnswer(admission));
    return admitting instanceof Promise ? admitting.then(answer) : answer(admitting);
  }

  return async (request, response) => {
    if (composed !== undefined) return composed(request, response);
    try {
      const answer = await answerAtOnce(request);
      if (answer !== undefined) await send(request, response, answer, new AbortController().signal);
      else {
        const handle = await composing;
        // Who left meanwhile begins nothing.
        if (!response.destroyed) await handle(request, response);
      }
    } catch (error) {
      log.error({ err: error, target: request.url }, 'a request failed while the process started');
      response.destroy();
    }
  };
}
