import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { SmokeError, smokePull } from '../../infra/smoke.ts';

const LOGIN = 'smoke:a token';
const layer = Buffer.from('a layer');
const config = Buffer.from('{}');
const entry = (bytes: Buffer) => ({ digest: digestOfBytes(bytes), size: bytes.byteLength });
const manifest = Buffer.from(JSON.stringify({ config: entry(config), layers: [entry(layer)] }));

/** What an endpoint may get wrong. */
interface Faults {
  readonly isOpen?: boolean;
  readonly layer?: Buffer;
  readonly digest?: string;
  readonly manifestStatus?: number;
  /** How often a pull is sent on before its image is there. */
  readonly hops?: number;
}

const started: { close(): void }[] = [];
afterEach(() => {
  for (const one of started.splice(0)) one.close();
});

async function listen(handler: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer(handler).listen(0);
  await once(server, 'listening');
  started.push(server);
  return (server.address() as AddressInfo).port;
}

/** An endpoint whose blobs are at another host, which refuses whoever brings the endpoint's credentials. */
async function endpointWith(faults: Faults = {}): Promise<string> {
  const bucket = await listen((request, response) => {
    const isRight = request.headers.authorization === undefined;
    const blobs = new Map([layer, config].map((bytes) => [`/${digestOfBytes(bytes)}`, bytes]));
    const bytes = request.url === `/${digestOfBytes(layer)}` ? (faults.layer ?? layer) : blobs.get(request.url ?? '');
    response.writeHead(isRight && bytes !== undefined ? 200 : 400).end(bytes);
  });
  const port = await listen((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://endpoint');
    const isKnown = request.headers.authorization === `Basic ${Buffer.from(LOGIN).toString('base64')}`;
    const hop = Number(searchParams.get('hop') ?? 0);
    if (!isKnown && faults.isOpen !== true) response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
    else if (pathname === '/v2/') response.end('{}');
    else if (pathname.startsWith('/v2/shell/git/blobs/')) {
      response.writeHead(303, { Location: `http://localhost:${bucket}/${pathname.split('/').at(-1) ?? ''}` }).end();
    } else if (pathname !== '/v2/shell/git/manifests/latest') response.writeHead(404).end();
    else if (hop < (faults.hops ?? 0)) response.writeHead(307, { Location: `${pathname}?hop=${hop + 1}` }).end();
    else {
      const digest = faults.digest ?? digestOfBytes(manifest);
      response.writeHead(faults.manifestStatus ?? 200, { 'Docker-Content-Digest': digest }).end(manifest);
    }
  });
  return `http://127.0.0.1:${port}`;
}

const pull = (endpoint: string, login: string | undefined = LOGIN) =>
  smokePull({ endpoint, image: 'shell/git', login, signal: AbortSignal.timeout(10_000) });

describe('a smoke pull', () => {
  it('follows every blob to where it rests and compares it', async () => {
    const { byteLength } = Buffer.concat([manifest, config, layer]);
    assert.deepEqual(await pull(await endpointWith()), {
      digest: digestOfBytes(manifest),
      blobs: 2,
      bytes: byteLength,
    });
  });

  it('waits for an image that is being made', async () => {
    assert.equal((await pull(await endpointWith({ hops: 9 }))).blobs, 2);
  });

  it('finds an endpoint that is open', async () => {
    await assert.rejects(pull(await endpointWith({ isOpen: true })), /without credentials is 200, not 401/);
  });

  it('finds credentials that are refused', async () => {
    await assert.rejects(pull(await endpointWith(), 'smoke:another'), /GET \/v2\/ of .* is 401: .*UNAUTHORIZED/);
  });

  it('finds an image that cannot be made', async () => {
    await assert.rejects(pull(await endpointWith({ manifestStatus: 422 })), /manifests\/latest of .* is 422/);
  });

  it('finds a blob with other bytes, or fewer', async () => {
    for (const wrong of [Buffer.from('a-layer'), layer.subarray(1)]) {
      await assert.rejects(pull(await endpointWith({ layer: wrong })), (error) => {
        assert.ok(error instanceof SmokeError);
        assert.match(error.message, new RegExp(`${digestOfBytes(layer)} .* another digest, and ${wrong.length} bytes`));
        return true;
      });
    }
  });

  it('finds a manifest with another digest', async () => {
    await assert.rejects(pull(await endpointWith({ digest: digestOfBytes('x') })), /has not the digest/);
  });
});
