import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { originOf } from '../../functions/http/public-origin.ts';

describe('the origin that a client asks', () => {
  for (const [host, origin] of [
    ['localhost:8080', 'http://localhost:8080'],
    ['Registry.Example.com', 'http://registry.example.com'],
    ['[::1]:8080', 'http://[::1]:8080'],
    ['a', 'http://a'],
    ['', undefined],
    ['x y', undefined],
    ['x/y', undefined],
    ['a@b', undefined],
    ["x';rm -rf", undefined],
    ['x:999999', undefined],
    ['<b>', undefined],
    [undefined, undefined],
  ] as const) {
    it(`is ${String(origin)} for ${JSON.stringify(host)}`, () => {
      assert.equal(originOf(host === undefined ? {} : { host }, false), origin);
    });
  }

  it('is what the front end says, where there is one', () => {
    assert.equal(originOf({ host: 'x.run.app' }, true), 'https://x.run.app');
    assert.equal(originOf({ host: 'x', 'x-forwarded-proto': 'https' }, false), 'http://x');
  });
});
