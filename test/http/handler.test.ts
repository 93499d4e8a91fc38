import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { budget } from '../../functions/access/budget.ts';
import type { Gate } from '../../functions/access/gate.ts';
import type { BuildOptions } from '../../functions/builder/image-builder.ts';
import { handler } from '../../functions/http/handler.ts';
import type { Problem } from '../../functions/registry/readiness.ts';
import type { Registry } from '../../functions/registry/registry.ts';
import { type HttpServer, serve } from '../support/http/server.ts';
import { rawRequest } from '../support/http/raw-request.ts';
import { request } from '../support/http/request.ts';

/** The gate before the endpoints, and what never reaches the framework. The registry behind it only counts. */

const asked: string[] = [];
const fake = {
  resolveManifest: (repository: string, _reference: string, { budget }: BuildOptions) => {
    asked.push(repository);
    if (repository === 'built') {
      const left = budget?.take();
      return left?.kind === 'spent'
        ? { ...left, kind: 'busy', message: 'enough' }
        : { kind: 'manifest-unknown', message: 'x' };
    }
    return { kind: 'manifest-unknown', message: 'not here' };
  },
  findBlob: () => Promise.resolve({ kind: 'blob-unknown', message: 'not here' }),
  listTags: () => Promise.resolve({ kind: 'repository-unknown', message: 'not here' }),
  listReferrers: () => ({ kind: 'digest-invalid', message: 'not a digest' }),
} as unknown as Registry;

const GOOD = { Authorization: 'Basic Y2k6Z29vZA==' };
const addresses: string[] = [];
const gate: Gate = {
  admit(authorization, address) {
    addresses.push(address);
    if (authorization === GOOD.Authorization) return { kind: 'admitted', user: 'ci' };
    if (authorization === 'slow') return Promise.resolve({ kind: 'admitted', user: 'ci' });
    if (authorization === 'often') return { kind: 'too-many-failures', message: 'wait', retryAfterSeconds: 7 };
    if (authorization === 'google') return { kind: 'unavailable', message: 'Google does not answer' };
    return { kind: 'refused', message: 'who are you?' };
  },
};

const problems: Problem[] = [];

let server: HttpServer;
before(async () => {
  const log = { error: (about: unknown) => assert.fail(JSON.stringify(about)) };
  const builds = budget({ size: 2, perMs: 3_600_000 }, () => 0);
  const audit = () => undefined;
  const wire = handler({
    ...{ registry: fake, gate, addresses: { kind: 'forwarded', proxies: 0 }, log, audit, builds },
    readiness: { problems: () => Promise.resolve(problems), stop: () => undefined },
    holdMs: 1000,
  });
  server = await serve(wire);
});
after(() => server[Symbol.asyncDispose]());

const errorOf = (body: Buffer | string) =>
  (JSON.parse(body.toString()) as { errors: [{ code: string; message: string }] }).errors[0];

describe('every path below /v2/', () => {
  const paths = [
    ['GET', '/v2/'],
    ['GET', '/v2'],
    ['HEAD', '/v2/a/manifests/b'],
    ['GET', '/v2/a/manifests/b'],
    ['GET', '/v2/a/blobs/sha256:1'],
    ['GET', '/v2/a/tags/list?n=x'],
    ['GET', '/v2/a/referrers/x'],
    ['GET', '/v2/_catalog'],
    ['GET', '/v2/%zz/manifests/latest'],
    ['POST', '/v2/a/blobs/uploads/'],
    ['DELETE', '/v2/a/manifests/b'],
    ['OPTIONS', '/v2/'],
  ] as const;
  for (const [method, path] of paths) {
    it(`asks for credentials before anything else: ${method} ${path}`, async () => {
      const { status, headers, body } = await request(server.origin, method, path);
      assert.equal(status, 401);
      assert.equal(headers['www-authenticate'], 'Basic realm="nixery-run"');
      assert.equal(headers['content-type'], 'application/json');
      if (method !== 'HEAD') assert.deepEqual(errorOf(body), { code: 'UNAUTHORIZED', message: 'who are you?' });
    });
  }

  it('is not looked at for who is refused', async () => {
    asked.length = 0;
    await request(server.origin, 'GET', '/v2/secret/manifests/latest');
    assert.deepEqual(asked, []);
    await request(server.origin, 'GET', '/v2/open/manifests/latest', GOOD);
    await request(server.origin, 'GET', '/v2/later/manifests/latest', { Authorization: 'slow' });
    assert.deepEqual(asked, ['open', 'later']);
  });

  it('refuses other methods after the credentials', async () => {
    const { status, headers } = await request(server.origin, 'DELETE', '/v2/a/manifests/b', GOOD);
    assert.equal(status, 405);
    assert.equal(headers['allow'], 'GET, HEAD');
    assert.equal(headers['www-authenticate'], undefined);
  });

  it('tells to wait, and that Google does not answer', async () => {
    const often = await request(server.origin, 'GET', '/v2/', { Authorization: 'often' });
    assert.deepEqual([often.status, often.headers['retry-after']], [429, '7']);
    assert.equal(errorOf(often.body).code, 'TOOMANYREQUESTS');
    const google = await request(server.origin, 'GET', '/v2/', { Authorization: 'google' });
    assert.deepEqual([google.status, errorOf(google.body).code], [503, 'UNAVAILABLE']);
  });

  it('is asked for by the client that the last proxy saw', async () => {
    addresses.length = 0;
    await request(server.origin, 'GET', '/v2/', { 'X-Forwarded-For': '1.1.1.1, 203.0.113.9' });
    await request(server.origin, 'GET', '/v2/');
    assert.deepEqual(addresses, ['203.0.113.9', '127.0.0.1']);
  });
});

describe('GET /health and /ready', () => {
  const bodyOf = async (path: string) => {
    const { status, headers, body } = await request(server.origin, 'GET', path);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['cache-control'], 'no-store');
    return [status, JSON.parse(body.toString()) as unknown];
  };

  it('need no credentials, and say that all is well', async () => {
    assert.deepEqual(await bodyOf('/health'), [200, { status: 'alive' }]);
    assert.deepEqual(await bodyOf('/ready?x'), [200, { status: 'ready' }]);
  });

  it('tell being alive from being ready, and what is wrong', async () => {
    problems.push({ kind: 'store-unreachable', message: 'the store does not answer' });
    try {
      assert.deepEqual(await bodyOf('/health'), [200, { status: 'alive' }]);
      assert.deepEqual(await bodyOf('/ready'), [503, { status: 'not ready', problems }]);
    } finally {
      problems.length = 0;
    }
  });
});

describe('the budget of builds', () => {
  it("is the user's, whatever the address, and 429 with the time to wait when it is spent", async () => {
    const ask = (address: string) =>
      request(server.origin, 'GET', '/v2/built/manifests/latest', { ...GOOD, 'X-Forwarded-For': address });
    assert.deepEqual([(await ask('192.0.2.1')).status, (await ask('192.0.2.2')).status], [404, 404]);
    const { status, headers, body } = await ask('192.0.2.3');
    assert.equal(status, 429);
    assert.equal(headers['retry-after'], '1800');
    assert.deepEqual(errorOf(body), { code: 'TOOMANYREQUESTS', message: 'enough' });
  });
});

describe('the pages', () => {
  it('need the same credentials as pulls', async () => {
    assert.equal((await request(server.origin, 'GET', '/')).status, 401);
    assert.equal((await request(server.origin, 'GET', '/api/search?q=x')).status, 401);
    assert.equal((await request(server.origin, 'GET', '/', GOOD)).status, 200);
    assert.equal((await request(server.origin, 'GET', '/%zz', GOOD)).status, 404);
  });
});

describe('security headers', () => {
  it('are on every page, and let nothing run that stands in it', async () => {
    for (const path of ['/', '/nothing', '/%zz']) {
      const { headers } = await request(server.origin, 'GET', path, GOOD);
      const policy = headers['content-security-policy'] ?? '';
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /unsafe|https?:|\*/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['referrer-policy'], 'same-origin');
    }
  });

  it('keep errors from being taken for pages', async () => {
    const { headers } = await request(server.origin, 'GET', '/v2/<script>/manifests/x', GOOD);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['x-content-type-options'], 'nosniff');
  });

  it('tell no software and no version', async () => {
    for (const path of ['/', '/v2/', '/v2/%zz/manifests/x']) {
      const { headers } = await request(server.origin, 'GET', path, GOOD);
      for (const name of ['server', 'x-powered-by', 'via']) assert.equal(headers[name], undefined);
    }
  });
});

describe('a request with a body', () => {
  const auth = `Authorization: ${GOOD.Authorization}\r\n`;
  for (const [what, head, status] of [
    ['of a gigabyte for GET', `GET /v2/ HTTP/1.1\r\nHost: x\r\n${auth}Content-Length: 1073741824\r\n`, 413],
    ['in chunks for GET', `GET /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\n${auth}Transfer-Encoding: chunked\r\n`, 413],
    [
      'of a gigabyte for PUT',
      `PUT /v2/a/manifests/b HTTP/1.1\r\nHost: x\r\n${auth}Content-Length: 1073741824\r\n`,
      405,
    ],
    [
      'of JSON that is none',
      `POST /v2/ HTTP/1.1\r\nHost: x\r\n${auth}Content-Type: application/json\r\nContent-Length: 9\r\n`,
      405,
    ],
    [
      'that waits to be asked for',
      `PUT /v2/ HTTP/1.1\r\nHost: x\r\n${auth}Expect: 100-continue\r\nContent-Length: 9\r\n`,
      405,
    ],
    ['without credentials', `PUT /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n`, 401],
    ['to a page', `POST / HTTP/1.1\r\nHost: x\r\n${auth}Content-Length: 1073741824\r\n`, 413],
  ] as const) {
    it(`${what} is answered without waiting for it, with ${status}, and the connection is closed`, async () => {
      const answer = await rawRequest(server.port, `${head}\r\n`);
      assert.equal(answer.status, status, answer.head);
      assert.match(answer.head, /^Connection: close$/im);
      assert.match(answer.head, /^Content-Type: application\/json$/im);
    });
  }
});

describe('a request with a body of no bytes', () => {
  it('is answered by us, whatever its type', async () => {
    const headers = { ...GOOD, 'Content-Length': '0', 'Content-Type': 'application/json; charset=nope' };
    const answer = await request(server.origin, 'POST', '/v2/a/blobs/uploads/', headers);
    assert.equal(answer.status, 405);
    assert.equal(errorOf(answer.body).code, 'UNSUPPORTED');
  });
});

describe('a request that wants another protocol', () => {
  it('is answered in this one, and the connection is closed', async () => {
    const bytes = 'GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n';
    const answer = await rawRequest(server.port, bytes);
    assert.equal(answer.status, 401);
    assert.match(answer.head, /^Connection: close$/im);
  });
});

describe('what is no request', () => {
  const long = 'a'.repeat(20_000);
  for (const [what, bytes, status] of [
    ['a header of 20 kB', `GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ${long}\r\n\r\n`, 431],
    ['a path of 20 kB', `GET /v2/${long} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['a request of TLS', Buffer.from([0x16, 3, 1, 0, 200, 1]), 400],
    ['two lengths', 'GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
    [
      'a length and chunks',
      'POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    ['no host', 'GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['what nobody can expect', 'GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: x\r\n\r\n', 417],
    ['a proxy request', 'CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n', 405],
  ] as const) {
    it(`is answered with JSON: ${what}: ${status}`, async () => {
      const answer = await rawRequest(server.port, bytes);
      assert.equal(answer.status, status);
      assert.equal(errorOf(answer.body).code, 'UNSUPPORTED');
    });
  }

  it('is closed when it does not come: 408', async () => {
    const answer = await rawRequest(server.port, 'GET /v2/ HTTP/1.1\r\nHost: ');
    assert.equal(answer.status, 408);
  });
});
