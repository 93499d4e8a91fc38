import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type Answer, send } from '../answers/answer.ts';
import { errorAnswer } from '../answers/error.ts';
import type { Handler } from './handler.ts';

/**
 * Hands every request of the framework's server to `handle` at once, and the framework's own way to nobody: on that it
 * collects bodies of up to 1 GiB, answers malformed escapes (`/v2/%zz`) with a page of HTML, and puts each request into a
 * domain, from which on Node reports every promise of the process to it. Here a body is never read.
 */
export function answerBeforeFramework(server: Server, handle: Handler): void {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    // The handler answers errors itself; what is left is an answer that cannot be sent.
    handle(request, response).catch(() => response.destroy());
  };
  const refuse = (request: IncomingMessage, response: ServerResponse, refusal: Answer): void => {
    send(request, response, refusal, new AbortController().signal).catch(() => response.destroy());
  };
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // RFC 9112, section 3.2. Node would answer by itself, with nothing.
    if (request.headers.host !== undefined || request.httpVersion !== '1.1') answer(request, response);
    else refuse(request, response, { ...errorAnswer('UNSUPPORTED', 'the request names no host'), status: 400 });
  });
  // "Expect: 100-continue": nobody is told to go on.
  server.on('checkContinue', answer);
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    refuse(request, response, { ...errorAnswer('UNSUPPORTED', 'nothing can be expected here'), status: 417 });
  });
}
