import type { IncomingMessage, Server, ServerResponse } from 'node:http';
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
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (bringsBody(request) || !isDecodable(pathOf(request.url ?? '/'))) {
      answer(request, response);
      return;
    }
    for (const listener of listeners) listener.call(server, request, response);
  });
  // "Expect: 100-continue": nobody is told to go on.
  server.on('checkContinue', answer);
}
