import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { route } from '../../functions/http/route.ts';

const table: readonly (readonly [method: string, target: string, kind: string, fields?: Record<string, string>])[] = [
  ['GET', '/v2', 'base'],
  ['GET', '/v2/', 'base'],
  ['HEAD', '/v2/?x=1', 'base'],
  ['GET', '/v2/a/manifests/b', 'manifest', { repository: 'a', reference: 'b' }],
  ['HEAD', '/v2/shell/git/manifests/latest?ns=docker.io', 'manifest', { repository: 'shell/git', reference: 'latest' }],
  ['GET', '/v2/a/manifests/b/manifests/c', 'manifest', { repository: 'a/manifests/b', reference: 'c' }],
  ['GET', '/v2/a/blobs/sha256:1', 'blob', { repository: 'a', digest: 'sha256:1' }],
  ['GET', '/v2/tags/tags/list', 'tags', { repository: 'tags' }],
  ['GET', '/v2/a/tags/list?n=1&last=x', 'tags', { repository: 'a' }],
  ['GET', '/v2/a/referrers/sha256:1', 'referrers', { repository: 'a', digest: 'sha256:1' }],
  ['GET', '/v2/manifests/latest', 'manifest', { repository: '', reference: 'latest' }],
  ['GET', '/v2//manifests/latest', 'manifest', { repository: '', reference: 'latest' }],
  ['GET', '/v2/../manifests/latest', 'manifest', { repository: '..', reference: 'latest' }],
  ['GET', '/v2/a%2fb/manifests/latest', 'manifest', { repository: 'a%2fb', reference: 'latest' }],
  ['GET', '/v2/_catalog', 'no-endpoint'],
  ['GET', '/v2/a/tags/other', 'no-endpoint'],
  ['GET', '/v2/a', 'no-endpoint'],
  ['POST', '/v2/a/blobs/uploads/', 'unsupported-method'],
  ['DELETE', '/v2/a/manifests/b', 'unsupported-method'],
  ['PUT', '/v2/', 'unsupported-method'],
  ['GET', '/health', 'health'],
  ['HEAD', '/ready?verbose', 'ready'],
  ['GET', '/healthz', 'page', { path: '/healthz' }],
  ['GET', '/', 'page', { path: '/' }],
  ['GET', '/v1/a?b', 'page', { path: '/v1/a' }],
  ['GET', '/v2x', 'page', { path: '/v2x' }],
];

describe('the route of a request', () => {
  for (const [method, target, kind, fields] of table) {
    it(`is ${kind} for ${method} ${target}`, () => {
      const found = route(method, target);
      assert.equal(found.kind, kind);
      for (const [name, value] of Object.entries(fields ?? {})) assert.equal(found[name as keyof typeof found], value);
    });
  }

  it('keeps the query of tags', () => {
    const found = route('GET', '/v2/a/tags/list?n=2&last=x');
    assert.ok(found.kind === 'tags');
    assert.deepEqual(
      [...found.query],
      [
        ['n', '2'],
        ['last', 'x'],
      ],
    );
  });
});
