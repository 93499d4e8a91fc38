import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Repositories over HTTP, by git's own CGI program. */
export interface GitServer extends AsyncDisposable {
  readonly origin: string;
  /**
   * Answers so many more requests, and none from then on. Of the first that is not answered it tells when it came, and when
   * its client has left.
   */
  stallAfter(requests: number): { readonly came: Promise<unknown>; readonly left: Promise<unknown> };
  answerAgain(): void;
}

/**
 * @param folder of the repositories
 * @param login user and password that it asks for, separated by a colon; none when absent
 */
export async function gitServer(folder: string, login?: string): Promise<GitServer> {
  let stalling: { answers: number; came: (value?: unknown) => void; left: (value?: unknown) => void } | undefined;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (login !== undefined && request.headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const { pathname, search } = new URL(request.url ?? '/', 'http://git');
    if (stalling !== undefined && stalling.answers-- <= 0) {
      response.once('close', stalling.left);
      stalling.came();
      return;
    }
    const cgi = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: folder,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'],
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
        GIT_PROTOCOL: request.headers['git-protocol'] as string | undefined,
        // The test's repositories may be another user's.
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(cgi.stdin);
    // A client that is killed closes its end.
    cgi.stdin.on('error', () => undefined);
    const chunks: Buffer[] = [];
    cgi.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    cgi.once('close', () => {
      const all = Buffer.concat(chunks);
      const end = all.indexOf('\r\n\r\n');
      for (const line of all.subarray(0, end).toString().split('\r\n')) {
        const [name = '', value = ''] = line.split(': ');
        if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.end(all.subarray(end + 4));
    });
  };
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stallAfter(answers) {
      const came = Promise.withResolvers<unknown>();
      const left = Promise.withResolvers<unknown>();
      stalling = { answers, came: came.resolve, left: left.resolve };
      return { came: came.promise, left: left.promise };
    },
    answerAgain() {
      stalling = undefined;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
