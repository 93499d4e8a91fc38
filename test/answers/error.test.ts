import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BodyGoneError } from '../../functions/answers/answer.ts';
import { failureAnswer } from '../../functions/answers/error.ts';
import { SourceError } from '../../functions/nix/source.ts';
import { StorageError } from '../../functions/storage/blob-store.ts';
import { SigningError } from '../../functions/storage/url-signer.ts';

const stored = (trouble: StorageError['trouble']) =>
  new StorageError('folder /srv', 'write', 'uploads/x', 'y', trouble);
const signing = (isUnreachable: boolean) => new SigningError('no', { cause: new Error('no'), isUnreachable });

describe('an error that ended a request', () => {
  for (const [what, error, status, told] of [
    ['a source that does not answer', new SourceError('the remote is down'), 503, /the remote is down/],
    ['a store that does not answer', stored('unreachable'), 503, /the store of this registry does not answer/],
    ['a full store', stored('full'), 503, /is full: images that it has can be pulled/],
    ['a store that cannot be written to', stored('read-only'), 503, /cannot be written to: images that it has/],
    ['a signature that does not come', signing(true), 503, /what signs addresses of blobs does not answer/],
    ['a store that is wrong', stored('fault'), 500, /the registry failed; its log says why/],
    ['a right to sign that is missing', signing(false), 500, /the registry failed; its log says why/],
    ['a defect', new TypeError('x is undefined'), 500, /the registry failed; its log says why/],
    ['a blob that has gone', new BodyGoneError('gone'), 404, /pull the tag again/],
  ] as const) {
    it(`is ${status} for ${what}, in words without a path`, () => {
      const answer = failureAnswer(error);
      assert.equal(answer.status, status);
      assert.ok(Buffer.isBuffer(answer.body));
      const body = answer.body.toString();
      assert.match(body, told);
      assert.ok(!body.includes('/srv'), body);
      assert.equal('Retry-After' in answer.headers, status === 503);
    });
  }
});
