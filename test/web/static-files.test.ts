import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openGate } from '../../functions/access/gate.ts';
import { handler } from '../../functions/http/handler.ts';
import type { Registry } from '../../functions/registry/registry.ts';
import { staticFiles } from '../../functions/web/static-files.ts';
import { type HttpServer, serve } from '../support/http/server.ts';
import { request } from '../support/http/request.ts';

/** A folder of files in the place of the pages. */

let scratch: string;
let server: HttpServer;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-files-'));
  const folder = join(scratch, 'www');
  await mkdir(join(folder, 'sub'), { recursive: true });
  await writeFile(join(scratch, 'secret.txt'), 'secret');
  await writeFile(join(scratch, 'www-beside.txt'), 'secret');
  await writeFile(join(folder, 'index.html'), '<h1>own</h1>');
  await writeFile(join(folder, 'sub', 'index.html'), 'inner');
  await writeFile(join(folder, 'digits.txt'), '0123456789');
  await writeFile(join(folder, 'a b.css'), 'a{}');
  await writeFile(join(folder, '.env'), 'secret');
  await symlink(join(scratch, 'secret.txt'), join(folder, 'link.txt'));
  await symlink(join(folder, 'digits.txt'), join(folder, 'inside.txt'));
  const log = { error: (about: unknown) => assert.fail(JSON.stringify(about)) };
  const readiness = { problems: () => Promise.resolve([]), stop: () => undefined };
  const fixed = { gate: openGate, addresses: { kind: 'socket' }, log, audit: () => undefined, readiness } as const;
  server = await serve(handler({ ...fixed, registry: {} as Registry, pages: staticFiles(folder), holdMs: 1 }));
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}) => request(server.origin, 'GET', path, headers);

describe('a folder of files', () => {
  for (const [path, type, body] of [
    ['/', 'text/html; charset=utf-8', '<h1>own</h1>'],
    ['/sub/', 'text/html; charset=utf-8', 'inner'],
    ['/digits.txt', 'text/plain; charset=utf-8', '0123456789'],
    ['/a%20b.css', 'text/css; charset=utf-8', 'a{}'],
    ['/inside.txt', 'text/plain; charset=utf-8', '0123456789'],
  ] as const) {
    it(`gives ${path} with its type`, async () => {
      const answer = await get(path);
      assert.deepEqual([answer.status, answer.headers['content-type'], answer.body.toString()], [200, type, body]);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    });
  }

  it('sends a folder without its slash on', async () => {
    const { status, headers } = await get('/sub');
    assert.deepEqual([status, headers['location']], [301, '/sub/']);
  });

  it('gives parts, and nothing again that a browser has', async () => {
    const part = await get('/digits.txt', { Range: 'bytes=2-4' });
    assert.deepEqual([part.status, part.headers['content-range'], part.body.toString()], [206, 'bytes 2-4/10', '234']);
    assert.equal((await get('/digits.txt', { Range: 'bytes=20-' })).status, 416);
    const etag = (await get('/digits.txt')).headers['etag'] ?? '';
    assert.equal((await get('/digits.txt', { 'If-None-Match': etag })).status, 304);
  });

  it('sends the length and nothing else for HEAD', async () => {
    const { status, headers, body } = await request(server.origin, 'HEAD', '/digits.txt');
    assert.deepEqual([status, headers['content-length'], body.length], [200, '10', 0]);
  });

  for (const path of [
    ...['/../secret.txt', '/sub/../../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/..%5csecret.txt'],
    ...['/../www-beside.txt', '//etc/passwd', '/link.txt', '/.env', '/%2eenv', '/nothing', '/digits.txt/x', '/%00'],
    ...['/%zz', '/digits.txt%00.html', '/sub/index.html/'],
  ]) {
    it(`has nothing at ${path}`, async () => {
      const { status, body } = await get(path);
      assert.equal(status, 404);
      assert.doesNotMatch(body.toString(), /secret|root:/);
    });
  }
});
