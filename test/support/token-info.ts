import { once } from 'node:events';
import { createServer } from 'node:http';

/** What Google says of an access token: status and JSON. */
export interface TokenInfoAnswer {
  readonly status: number;
  readonly body: object;
}

/** Google's endpoint `tokeninfo`, over HTTP. */
export interface TokenInfoDouble extends AsyncDisposable {
  readonly endpoint: string;
  /** By token; one that is not there is unknown to it. */
  readonly tokens: Map<string, TokenInfoAnswer>;
  /** Tokens that it was asked about, in order. */
  readonly asked: string[];
  /** How long it thinks, in milliseconds. */
  delayMs: number;
}

const UNKNOWN: TokenInfoAnswer = { status: 400, body: { error_description: 'Invalid Value' } };

/** gcloud's own OAuth client. */
export const GCLOUD = '32555940559.apps.googleusercontent.com';

/** As Google describes the token of a person who uses gcloud. */
export function personInfo(email: string, more: object = {}): TokenInfoAnswer {
  const scope = 'openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/cloud-platform';
  const client = { aud: GCLOUD, azp: GCLOUD, sub: '107512345678901234567' };
  return {
    status: 200,
    body: { ...client, scope, email, email_verified: 'true', expires_in: '3599', access_type: 'offline', ...more },
  };
}

export async function tokenInfoDouble(): Promise<TokenInfoDouble> {
  const tokens = new Map<string, TokenInfoAnswer>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    asked.push(token);
    const { status, body } = tokens.get(token) ?? UNKNOWN;
    setTimeout(() => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    }, double.delayMs);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  const double: TokenInfoDouble = {
    endpoint: `http://127.0.0.1:${address.port}/tokeninfo`,
    tokens,
    asked,
    delayMs: 0,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return double;
}
