import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { googleIdentities } from '../../functions/access/google-identities.ts';
import { Secret } from '../../functions/access/secret.ts';
import { GCLOUD, personInfo, type TokenInfoDouble, tokenInfoDouble } from '../support/token-info.ts';

let google: TokenInfoDouble;
before(async () => {
  google = await tokenInfoDouble();
});
after(() => google[Symbol.asyncDispose]());
beforeEach(() => {
  google.tokens.clear();
  google.asked.length = 0;
  google.delayMs = 0;
});

const allow = { accounts: ['ann@example.org', 'ci@team.iam.gserviceaccount.com'], domains: ['example.com'] };
const identities = (nowMs?: () => number, elapsedMs = nowMs) =>
  googleIdentities(allow, { endpoint: google.endpoint, ...(nowMs && { nowMs }), ...(elapsedMs && { elapsedMs }) });
const check = async (body: object, email = 'bob@example.com') => {
  google.tokens.set('token', personInfo(email, body));
  return identities().check(new Secret('token'));
};

describe('an access token of Google', () => {
  it('is an identity when its account or its domain is allowed', async () => {
    assert.deepEqual(await check({}, 'Ann@example.org'), { kind: 'identity', email: 'ann@example.org' });
    assert.deepEqual(await check({}, 'bob@Example.com'), { kind: 'identity', email: 'bob@example.com' });
    const number = '104567890123456789012';
    assert.deepEqual(await check({ aud: number, azp: number }, 'ci@team.iam.gserviceaccount.com'), {
      kind: 'identity',
      email: 'ci@team.iam.gserviceaccount.com',
    });
  });

  for (const [why, body, email, message] of [
    ['the account is not on the list', {}, 'eve@example.org', /eve@example.org may not pull/],
    ['the domain only ends alike', {}, 'eve@notexample.com', /may not pull/],
    ['the domain is below an allowed one', {}, 'eve@sub.example.com', /may not pull/],
    ['the address holds an allowed domain before its last @', {}, 'x@example.com@evil.org', /may not pull/],
    ['the address is not verified', { email_verified: 'false' }, 'bob@example.com', /not verified/],
    ['nothing is said of verification', { email_verified: undefined }, 'bob@example.com', /not verified/],
    ['it tells no address', { email: undefined }, 'bob@example.com', /does not tell/],
    ['it was made for another client', { aud: 'x.apps.googleusercontent.com' }, 'bob@example.com', /another program/],
    ['it was handed to another client', { azp: 'x.apps.googleusercontent.com' }, 'bob@example.com', /another program/],
    ['a person has a number for a client', { aud: '1045678901234', azp: GCLOUD }, 'bob@example.com', /another program/],
    ['a service account has a client', {}, 'ci@team.iam.gserviceaccount.com', /another program/],
    ['it has expired', { expires_in: '-1' }, 'bob@example.com', /expired/],
    ['nothing is said of its end', { expires_in: undefined }, 'bob@example.com', /too little/],
  ] as const) {
    it(`is refused when ${why}`, async () => {
      const verdict = await check(body, email);
      assert.ok(verdict.kind === 'refused', JSON.stringify(verdict));
      assert.match(verdict.message, message);
    });
  }

  it('is refused when Google does not know it, and that is remembered', async () => {
    const one = identities();
    assert.equal((await one.check(new Secret('unknown'))).kind, 'refused');
    assert.equal(one.peek(new Secret('unknown'))?.kind, 'refused');
    assert.equal(google.asked.length, 1);
  });

  it('is refused without asking when it cannot be one', async () => {
    assert.equal((await identities().check(new Secret(`a b\r\n`))).kind, 'refused');
    assert.equal((await identities().check(new Secret('x'.repeat(2049)))).kind, 'refused');
    assert.deepEqual(google.asked, []);
  });

  it('is asked about once by many at the same time, and each token by itself', async () => {
    for (const name of ['a', 'b']) google.tokens.set(name, personInfo(`${name}@example.com`));
    google.delayMs = 50;
    const one = identities();
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => one.check(new Secret(index % 2 ? 'a' : 'b'))),
    );
    assert.deepEqual(google.asked.sort(), ['a', 'b']);
    assert.deepEqual(verdicts[1], { kind: 'identity', email: 'a@example.com' });
    assert.deepEqual(verdicts[2], { kind: 'identity', email: 'b@example.com' });
  });

  it('is believed for five minutes, and never beyond its own end', async () => {
    let nowMs = Date.now();
    const one = identities(() => nowMs);
    google.tokens.set('long', personInfo('a@example.com'));
    google.tokens.set('short', personInfo('a@example.com', { expires_in: '60' }));
    const kindOf = async (token: string) => (await one.check(new Secret(token))).kind;
    assert.deepEqual([await kindOf('long'), await kindOf('short')], ['identity', 'identity']);
    google.tokens.clear();
    nowMs += 59_000;
    assert.deepEqual([await kindOf('long'), await kindOf('short')], ['identity', 'identity']);
    nowMs += 2_000;
    assert.deepEqual([await kindOf('long'), await kindOf('short')], ['identity', 'refused']);
    nowMs += 240_000;
    assert.equal(await kindOf('long'), 'refused');
  });

  it('is believed for no longer when the clock is put back', async () => {
    let [nowMs, elapsedMs] = [Date.now(), 0];
    const one = identities(
      () => nowMs,
      () => elapsedMs,
    );
    google.tokens.set('token', personInfo('a@example.com'));
    assert.equal((await one.check(new Secret('token'))).kind, 'identity');
    google.tokens.clear();
    nowMs -= 24 * 60 * 60 * 1000;
    elapsedMs += 301_000;
    assert.equal((await one.check(new Secret('token'))).kind, 'refused');
  });

  it('is neither right nor wrong while Google does not answer, and asked about again', async () => {
    google.tokens.set('hidden', { status: 503, body: {} });
    const one = identities();
    const verdict = await one.check(new Secret('hidden'));
    assert.equal(verdict.kind, 'unavailable');
    assert.doesNotMatch(JSON.stringify(verdict), /hidden/);
    google.tokens.set('hidden', personInfo('a@example.com'));
    assert.equal((await one.check(new Secret('hidden'))).kind, 'identity');
    const nobody = googleIdentities(allow, { endpoint: 'http://127.0.0.1:9/tokeninfo' });
    assert.equal((await nobody.check(new Secret('token'))).kind, 'unavailable');
  });
});
