import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type GoogleIdentities, googleIdentities } from '../../functions/access/google-identities.ts';
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
  from(
    googleIdentities(allow, { endpoint: google.endpoint, ...(nowMs && { nowMs }), ...(elapsedMs && { elapsedMs }) }),
  );
/** As they are asked from one address. */
const from = (asked: GoogleIdentities) => ({
  check: (token: Secret, address = '192.0.2.1') => asked.check(token, address),
});
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
    assert.ok(!(one.check(new Secret('unknown')) instanceof Promise));
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
    const nobody = from(googleIdentities(allow, { endpoint: 'http://127.0.0.1:9/tokeninfo' }));
    assert.equal((await nobody.check(new Secret('token'))).kind, 'unavailable');
  });

  it('is asked about 60 times for one address and then 10 times a second, and for others all the same', async () => {
    let nowMs = Date.now();
    const one = identities(() => nowMs);
    const kinds: string[] = [];
    for (let index = 0; index < 62; index++) kinds.push((await one.check(new Secret(`wrong-${index}`))).kind);
    assert.deepEqual(kinds, [...Array<string>(60).fill('refused'), 'too-many-checks', 'too-many-checks']);
    assert.equal(google.asked.length, 60);
    // What is remembered takes no check, nor what cannot be a token.
    assert.equal((await one.check(new Secret('wrong-3'))).kind, 'refused');
    assert.equal((await one.check(new Secret('not a token'))).kind, 'refused');
    google.tokens.set('right', personInfo('bob@example.com'));
    assert.deepEqual(await one.check(new Secret('right')), {
      kind: 'too-many-checks',
      message: 'too many access tokens from your address had to be checked: wait before the next',
      retryAfterSeconds: 1,
    });
    assert.equal((await one.check(new Secret('right'), '192.0.2.2')).kind, 'identity');
    assert.equal((await one.check(new Secret('right'))).kind, 'identity');
    nowMs += 100;
    assert.equal((await one.check(new Secret('wrong-60'))).kind, 'refused');
    assert.equal((await one.check(new Secret('wrong-61'))).kind, 'too-many-checks');
  });

  it('is asked about with at most 15 others for one address at once, and at most 255 in all', async () => {
    google.delayMs = 200;
    const one = identities();
    const ask = (count: number, address: string) =>
      Array.from(
        { length: count },
        async (_, index) => (await one.check(new Secret(`${address}-${index}`), address)).kind,
      );
    const addresses = Array.from({ length: 16 }, (_, index) => `192.0.2.${index}`);
    const asked = addresses.flatMap((address) => ask(17, address));
    // The same token again takes no place.
    const again = ask(16, '192.0.2.0');
    const late = ask(1, '198.51.100.1');
    assert.deepEqual(await Promise.all(late), ['unavailable']);
    const kinds = await Promise.all(asked);
    assert.equal(kinds.filter((kind) => kind === 'refused').length, 256);
    assert.equal(kinds.filter((kind) => kind === 'too-many-checks').length, 16);
    assert.deepEqual(await Promise.all(again), Array<string>(16).fill('refused'));
    // All places are free again.
    google.delayMs = 0;
    assert.deepEqual(await Promise.all(ask(17, '192.0.2.0').slice(16)), ['refused']);
  });

  it('is still known after more wrong ones than are remembered', async () => {
    let elapsedMs = 0;
    const options = { endpoint: google.endpoint, elapsedMs: () => elapsedMs, maxRemembered: 100 };
    const one = from(googleIdentities(allow, options));
    google.tokens.set('right', personInfo('bob@example.com'));
    assert.equal((await one.check(new Secret('right'))).kind, 'identity');
    for (let index = 0; index < 160; index += 16) {
      elapsedMs += 1;
      const wrong = Array.from({ length: 16 }, async (_, at) =>
        one.check(new Secret(`w${index + at}`), `198.51.100.${index % 997}`),
      );
      for (const { kind } of await Promise.all(wrong)) assert.equal(kind, 'refused');
    }
    assert.ok(!(one.check(new Secret('right')) instanceof Promise));
  });
});
