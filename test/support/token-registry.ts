import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** A registry that has manifests alone, as distribution-spec says, and lets in who has a token, as Docker Hub does. */
export interface TokenRegistry extends AsyncDisposable {
  readonly host: string;
  /** Requests that came, as `GET /path?query`, with what they carried. */
  readonly requests: readonly { readonly line: string; readonly authorization: string | undefined }[];
}

export interface TokenRegistrySettings {
  /** By `repository:tag`. */
  readonly manifests: Readonly<Record<string, { readonly type: string; readonly body: string }>>;
  /** The headers of a manifest, beside its type. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What a request without a token is told; the address of this registry's own tokens when absent. */
  readonly challenge?: string;
  /** The field of the answer that has the token: the specification knows both. */
  readonly field?: 'token' | 'access_token';
}

const TOKEN = 'a-token-of-nobody';

export async function startTokenRegistry(settings: TokenRegistrySettings): Promise<TokenRegistry> {
  const { manifests, headers = {}, field = 'token' } = settings;
  const requests: { line: string; authorization: string | undefined }[] = [];
  let host = '';

  function answer(
    { method = '', url = '', headers: { authorization, accept = '' } }: IncomingMessage,
    response: ServerResponse,
  ) {
    requests.push({ line: `${method} ${url}`, authorization });
    const { pathname, searchParams } = new URL(url, `http://${host}`);
    if (pathname === '/token') {
      const isAsked = searchParams.get('service') === 'registry.test' && searchParams.get('scope') !== null;
      response.writeHead(isAsked ? 200 : 400).end(JSON.stringify(isAsked ? { [field]: TOKEN } : {}));
      return;
    }
    const [, repository = '', tag = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(pathname) ?? [];
    if (authorization !== `Bearer ${TOKEN}`) {
      const own = `Bearer realm="http://${host}/token",service="registry.test",scope="repository:${repository}:pull"`;
      response.writeHead(401, { 'WWW-Authenticate': settings.challenge ?? own }).end();
      return;
    }
    const manifest = manifests[`${repository}:${tag}`];
    // As a registry does with who does not know indexes: it has nothing for them.
    if (manifest === undefined || !accept.includes('application/vnd.oci.image.index.v1+json')) {
      response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
      return;
    }
    response.writeHead(200, { 'Content-Type': manifest.type, ...headers }).end(manifest.body);
  }

  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  host = `127.0.0.1:${address.port}`;
  return {
    host,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
