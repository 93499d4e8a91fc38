import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Gate } from '../../functions/access/gate.ts';
import { earlyHandler } from '../../functions/http/early-handler.ts';
import type { Handler } from '../../functions/http/handler.ts';
import { serve } from '../support/http/server.ts';
import { request } from '../support/http/request.ts';

const GOOD = { Authorization: 'Basic Y2k6Z29vZA==' };
const gate: Gate = {
  admit: (authorization) =>
    authorization === GOOD.Authorization ? { kind: 'admitted', user: 'ci' } : { kind: 'refused', message: 'who?' },
};

/** A process that starts, and what its registry is asked for once it is put together. */
async function starting() {
  const composing = Promise.withResolvers<Handler>();
  const log = { error: (about: unknown) => assert.fail(JSON.stringify(about)) };
  const server = await serve(earlyHandler({ gate, addresses: { kind: 'socket' }, log, composing: composing.promise }));
  const asked: string[] = [];
  const compose = () => {
    composing.resolve((incoming, response) => {
      asked.push(incoming.url ?? '');
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end('composed');
      return Promise.resolve();
    });
  };
  return { ...server, asked, compose };
}

describe('a process that starts', () => {
  it('answers /v2/ to who may pull, and says that it is alive and not ready', async () => {
    await using server = await starting();
    const { origin } = server;
    const base = await request(origin, 'GET', '/v2/', GOOD);
    assert.deepEqual([base.status, base.body.toString()], [200, '{}']);
    const refused = await request(origin, 'GET', '/v2/');
    assert.equal(refused.status, 401);
    assert.match(String(refused.headers['www-authenticate']), /^Basic realm=/);
    assert.equal((await request(origin, 'GET', '/health')).status, 200);
    const ready = await request(origin, 'GET', '/ready');
    assert.equal(ready.status, 503);
    assert.match(ready.body.toString(), /"starting"/);
    assert.deepEqual(server.asked, []);
  });

  it('lets everything else wait for the registry, and hands all requests to that afterwards', async () => {
    await using server = await starting();
    const { origin, asked } = server;
    const answers: number[] = [];
    const waiting = ['/v2/git/manifests/latest', '/v2/_catalog', '/'].map(async (path) => {
      answers.push((await request(origin, 'GET', path, GOOD)).status);
    });
    await sleep(100);
    assert.deepEqual(answers, []);
    server.compose();
    await Promise.all(waiting);
    assert.deepEqual(answers, [200, 200, 200]);
    assert.deepEqual(asked.toSorted(), ['/', '/v2/_catalog', '/v2/git/manifests/latest']);
    assert.equal((await request(origin, 'GET', '/ready')).body.toString(), 'composed');
    assert.equal((await request(origin, 'GET', '/v2/')).body.toString(), 'composed');
  });
});
