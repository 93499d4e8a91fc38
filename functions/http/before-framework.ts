import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type Answer, send } from './answer.ts';
import { errorAnswer } from './error-answer.ts';
import type { Handler } from './handler.ts';
import { bringsBody } from './request-body.ts';
import { isDecodable, pathOf } from './route.ts';

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Hands to `handle` itself what the framework would not leave to it: bodies, of which it collects up to 1 GiB and then
 * answers in HTML when they are not what their type says, and malformed escapes (`/v2/%zz`), which it answers with a
 * page of HTML. Here a body is never read. Every other request takes its usual way.
 */
export function answerBeforeFramework(server: Server, handle: Handler): void {
  const listeners = server.listeners('request') as RequestListener[];
  const answer: RequestListener = (request, response) => {
    // The handler answers errors itself; what is left is an answer that cannot be sent.
    handle(request, response).catch(() => response.destroy());
  };
  const refuse = (request: IncomingMessage, response: ServerResponse, refusal: Answer) => {
    send(request, response, refusal, new AbortController().signal).catch(() => response.destroy());
  };
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // RFC 9112, section 3.2. Node would answer by itself, with nothing.
    if (request.headers.host === undefined && request.httpVersion === '1.1') {
      refuse(request, response, { ...errorAnswer('UNSUPPORTED', 'the request names no host'), status: 400 });
      return;
    }
    // The framework reads a body of no bytes as well, and does not like each type.
    const hasLength = request.headers['content-length'] !== undefined;
    if (hasLength || bringsBody(request) || !isDecodable(pathOf(request.url ?? '/'))) {
      answer(request, response);
      return;
    }
    for (const listener of listeners) listener.call(server, request, response);
  });
  // "Expect: 100-continue": nobody is told to go on.
  server.on('checkContinue', answer);
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    refuse(request, response, { ...errorAnswer('UNSUPPORTED', 'nothing can be expected here'), status: 417 });
  });
}
