import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readBasic } from '../../functions/access/basic.ts';
import { type Budget, budget } from '../../functions/access/budget.ts';
import { parseCredentials } from '../../functions/access/credentials.ts';
import { openGate, privateGate } from '../../functions/access/gate.ts';
import {
  type GoogleIdentities,
  googleIdentities,
  type GoogleVerdict,
} from '../../functions/access/google-identities.ts';
import { heapAfterCollection } from '../support/heap.ts';
import { personInfo, tokenInfoDouble } from '../support/token-info.ts';

const sha256 = createHash('sha256').update('token').digest('hex');
const file = JSON.stringify({
  users: {
    ci: { tokens: [{ sha256 }] },
    old: { tokens: [{ sha256, expires: '2020-01-01T00:00:00Z' }] },
    oauth2accesstoken: { tokens: [{ sha256 }] },
  },
});
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

function gate({ size = 3, google }: { size?: number; google?: GoogleIdentities } = {}) {
  const logged: object[] = [];
  let nowMs = 0;
  const failuresOf = (): Budget => budget({ size, perMs: 60_000 }, () => nowMs);
  const made = privateGate({
    credentials: { current: () => parseCredentials(file) },
    google,
    failures: { ofAddress: failuresOf(), ofUser: failuresOf() },
    log: { warn: (about: object) => logged.push(about) } as never,
  });
  return {
    logged,
    passMs: (ms: number) => (nowMs += ms),
    admit: async (authorization?: string, address = '192.0.2.1') => made.admit(authorization, address),
  };
}

describe('the gate', () => {
  it('admits a user with a right token', async () => {
    assert.deepEqual(await gate().admit(basic('ci', 'token')), { kind: 'admitted', user: 'ci' });
  });

  it('asks who says nothing, or nothing that can be read, without counting that as a failure', async () => {
    const { admit, logged } = gate({ size: 1 });
    for (const header of [
      undefined,
      '',
      'Basic',
      'Basic Og==',
      basic('', 'token'),
      basic('ci', ''),
      'Bearer abc',
      'Basic !',
    ]) {
      const admission = await admit(header);
      assert.ok(admission.kind === 'refused', header);
      assert.match(admission.message, /asks for a user and a token/);
    }
    assert.deepEqual(logged, []);
  });

  it('refuses wrong and expired tokens, and logs neither tokens nor names that are no users', async () => {
    const { admit, logged } = gate();
    assert.match(JSON.stringify(await admit(basic('ci', 'wrong-secret'))), /refused.*wrong"/);
    assert.match(JSON.stringify(await admit(basic('secret-in-the-wrong-field', 'x'))), /refused/);
    assert.match(JSON.stringify(await admit(basic('old', 'token'))), /refused.*expired at 2020-01-01/);
    assert.match(JSON.stringify(logged), /"user":"ci".*"user":"unknown".*"user":"old"/);
    assert.doesNotMatch(JSON.stringify(logged), /secret/);
  });

  it('tells an address that fails too often to wait, and others not', async () => {
    const { admit, passMs, logged } = gate({ size: 3 });
    for (let turn = 0; turn < 3; turn++) assert.equal((await admit(basic(`u${turn}`, 'x'))).kind, 'refused');
    assert.deepEqual(await admit(basic('u4', 'x')), {
      kind: 'too-many-failures',
      message: 'too many logins failed: wait before the next',
      retryAfterSeconds: 20,
    });
    assert.equal((await admit(basic('u5', 'x'), '192.0.2.2')).kind, 'refused');
    assert.equal(logged.length, 4);
    passMs(20_000);
    assert.equal((await admit(basic('u6', 'x'))).kind, 'refused');
    assert.equal((await admit(basic('u7', 'x'))).kind, 'too-many-failures');
  });

  it('tells whoever fails in the name of one user too often to wait, wherever from', async () => {
    const { admit } = gate({ size: 3 });
    for (let turn = 0; turn < 3; turn++) await admit(basic('ci', 'x'), `192.0.2.${turn}`);
    assert.equal((await admit(basic('ci', 'x'), '192.0.2.9')).kind, 'too-many-failures');
    // Nobody is shut out by that.
    assert.equal((await admit(basic('ci', 'token'), '192.0.2.9')).kind, 'admitted');
  });

  it('asks Google about the token of oauth2accesstoken alone, and lets a right one in after wrong ones', async () => {
    const asked: string[] = [];
    const google: GoogleIdentities = {
      check: (token, address) => {
        asked.push(`${token.expose()} ${address}`);
        const verdict: GoogleVerdict =
          token.expose() === 'right'
            ? { kind: 'identity', email: 'a@b.c' }
            : { kind: 'refused', message: 'not allowed' };
        return Promise.resolve(verdict);
      },
    };
    const { admit } = gate({ size: 2, google });
    assert.equal((await admit(basic('ci', 'token'))).kind, 'admitted');
    assert.deepEqual(asked, []);
    const kinds: string[] = [];
    for (let turn = 0; turn < 4; turn++) kinds.push((await admit(basic('oauth2accesstoken', `t${turn}`))).kind);
    assert.deepEqual(kinds, ['refused', 'refused', 'too-many-failures', 'too-many-failures']);
    assert.deepEqual(await admit(basic('oauth2accesstoken', 'right')), { kind: 'admitted', user: 'a@b.c' });
    // Nobody else's failures are counted there: their own are told from the first on.
    assert.equal((await admit(basic('oauth2accesstoken', 't5'), '192.0.2.2')).kind, 'refused');
    assert.deepEqual(asked.slice(-1), ['t5 192.0.2.2']);
  });

  it('tells who has too many tokens checked to wait', async () => {
    const google: GoogleIdentities = {
      check: () => ({ kind: 'too-many-checks', message: 'wait', retryAfterSeconds: 7 }),
    };
    assert.deepEqual(await gate({ google }).admit(basic('oauth2accesstoken', 't')), {
      kind: 'too-many-failures',
      message: 'wait',
      retryAfterSeconds: 7,
    });
  });

  it('lets in all of 59 first logins while one address sends five wrong ones a second', async () => {
    let nowMs = Date.now();
    const google = await tokenInfoDouble();
    try {
      const people = Array.from({ length: 59 }, (_, index) => `person${index}`);
      for (const one of people) google.tokens.set(`right-${one}`, personInfo(`${one}@example.com`));
      const clock = () => nowMs;
      const options = { endpoint: google.endpoint, nowMs: clock, elapsedMs: clock };
      const identities = googleIdentities({ accounts: [], domains: ['example.com'] }, options);
      const { admit, passMs } = gate({ size: 20, google: identities });
      const wrong: string[] = [];
      const right: string[] = [];
      // A minute: each second five wrong ones, and the right one of somebody else, every other from the same office.
      for (const [second, one] of people.entries()) {
        for (let turn = 0; turn < 5; turn++) {
          wrong.push((await admit(basic('oauth2accesstoken', `wrong-${second}-${turn}`), '192.0.2.66')).kind);
        }
        const address = second % 2 ? '192.0.2.66' : `198.51.100.${second}`;
        right.push((await admit(basic('oauth2accesstoken', `right-${one}`), address)).kind);
        passMs(1_000);
        nowMs += 1_000;
      }
      assert.deepEqual(right, Array<string>(59).fill('admitted'));
      assert.equal(wrong[0], 'refused');
      assert.equal(wrong.at(-1), 'too-many-failures');
      assert.ok(!wrong.includes('admitted'));
    } finally {
      await google[Symbol.asyncDispose]();
    }
  });

  it('does not blame a client for Google', async () => {
    const google: GoogleIdentities = {
      check: () => Promise.resolve({ kind: 'unavailable', message: 'no answer' }),
    };
    const { admit } = gate({ size: 1, google });
    for (let turn = 0; turn < 3; turn++) {
      assert.deepEqual(await admit(basic('oauth2accesstoken', 'x')), { kind: 'unavailable', message: 'no answer' });
    }
  });

  it('admits everybody where nothing is configured', () => {
    assert.deepEqual(openGate.admit(undefined, ''), { kind: 'admitted' });
  });
});

describe('reading Basic', () => {
  it('gives back any user and password', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }).filter((user) => !user.includes(':')),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 500 }),
        (user, password) => {
          const login = readBasic(basic(user, password));
          assert.equal(login?.user, user);
          assert.equal(login.password.expose(), password);
        },
      ),
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 6000 }), (header) => {
        readBasic(header);
        readBasic(`Basic ${header}`);
      }),
    );
  });
});

describe('a budget', () => {
  it('is full at first and fills at an even rate, up to its size', () => {
    let nowMs = 0;
    const one = budget({ size: 2, perMs: 10_000 }, () => nowMs);
    assert.deepEqual([one.take('a').kind, one.take('a').kind], ['left', 'left']);
    assert.deepEqual(one.take('a'), { kind: 'spent', retryAfterSeconds: 5 });
    assert.equal(one.take('b').kind, 'left');
    nowMs = 4_999;
    assert.equal(one.look('a').kind, 'spent');
    nowMs = 5_000;
    assert.equal(one.look('a').kind, 'left');
    assert.deepEqual([one.take('a').kind, one.take('a').kind], ['left', 'spent']);
    nowMs = 1_000_000;
    assert.deepEqual([one.take('a').kind, one.take('a').kind, one.take('a').kind], ['left', 'left', 'spent']);
  });

  it('takes back what did not come about, and no more than was taken', () => {
    const one = budget({ size: 2, perMs: 10_000 }, () => 0);
    const own = one.of('a');
    own.giveBack();
    assert.deepEqual([own.take().kind, own.take().kind, own.take().kind], ['left', 'left', 'spent']);
    own.giveBack();
    assert.deepEqual([one.take('a').kind, own.take().kind], ['left', 'spent']);
    for (let turn = 0; turn < 5; turn++) own.giveBack();
    assert.deepEqual([own.take().kind, own.take().kind, own.take().kind], ['left', 'left', 'spent']);
  });

  it('never gives more in a time than its size and what the rate gives', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 3000 }), { maxLength: 200 }), (waitsMs) => {
        let nowMs = 0;
        let taken = 0;
        const one = budget({ size: 5, perMs: 10_000 }, () => nowMs);
        for (const waitMs of waitsMs) {
          nowMs += waitMs;
          if (one.take('a').kind === 'left') taken++;
        }
        assert.ok(taken <= 5 + (nowMs * 5) / 10_000 + 1e-6, `${taken} in ${nowMs} ms`);
      }),
    );
  });

  it('remembers a bounded number of those who come', () => {
    const one = budget({ size: 1, perMs: 1e9 }, () => 0);
    one.take('first');
    assert.equal(one.look('first').kind, 'spent');
    for (let index = 0; index < 60_000; index++) one.take(String(index));
    assert.equal(one.look('first').kind, 'left');
  });

  it('keeps little of long names, and nothing of the headers that they are a part of', () => {
    const one = budget({ size: 2, perMs: 1e9 }, () => 0);
    const before = heapAfterCollection();
    // Longer than what V8 copies when it cuts a part out of a text.
    const padding = 'x'.repeat(3_000);
    for (let index = 0; index < 50_000; index++) {
      const name = `203.0.113.${String(index).padStart(10, '0')}`;
      one.take(index % 2 ? `${padding}${index}` : `${name}${padding}${index}`.slice(0, name.length));
    }
    // 150 MB if all of them were kept.
    const grownMb = (heapAfterCollection() - before) / 1e6;
    assert.ok(grownMb < 40, `${grownMb} MB`);
    const long = `${padding}49999`;
    assert.equal(one.take(long).kind, 'left');
    assert.equal(one.take(long).kind, 'spent');
    assert.equal(one.take(`${padding}other`).kind, 'left');
  });
});
