import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentialsFile } from '../../functions/access/credentials-file.ts';
import { CredentialsError, parseCredentials } from '../../functions/access/credentials.ts';
import { Secret } from '../../functions/access/secret.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const fileOf = (users: Record<string, readonly (string | { token: string; expires: string })[]>) =>
  JSON.stringify({
    users: Object.fromEntries(
      Object.entries(users).map(([user, tokens]) => [
        user,
        {
          tokens: tokens.map((one) =>
            typeof one === 'string' ? { sha256: sha256(one) } : { sha256: sha256(one.token), expires: one.expires },
          ),
        },
      ]),
    ),
  });
const login = (user: string, password: string) => ({ user, password: new Secret(password) });

describe('credentials', () => {
  const credentials = parseCredentials(
    fileOf({ ci: ['first', 'second'], ann: [{ token: 'timed', expires: '2026-11-24T12:00:00+01:00' }] }),
  );
  const before = Date.parse('2026-11-24T10:59:59Z');

  it('know each of the tokens of a user', () => {
    for (const token of ['first', 'second'])
      assert.deepEqual(credentials.check(login('ci', token), 0), { kind: 'known' });
  });

  it('do not know other tokens, tokens of others, hashes, and other users', () => {
    for (const [user, token] of [
      ['ci', 'third'],
      ['ci', 'timed'],
      ['ci', sha256('first')],
      ['ci', ''],
      ['CI', 'first'],
      ['nobody', 'first'],
      ['__proto__', 'first'],
      ['constructor', 'x'],
    ] as const) {
      assert.deepEqual(credentials.check(login(user, token), 0), { kind: 'wrong' }, `${user} ${token}`);
    }
  });

  it('know a token until its time is over', () => {
    assert.deepEqual(credentials.check(login('ann', 'timed'), before), { kind: 'known' });
    assert.deepEqual(credentials.check(login('ann', 'timed'), before + 1000), { kind: 'expired', atMs: before + 1000 });
  });

  for (const [content, problem] of [
    ['', /^it is not JSON$/],
    ['[]', /it: /],
    ['{"users":{}}', /users: must name at least one user/],
    ['{"users":{"ci":{"tokens":[]}}}', /users\.ci\.tokens: must have at least one token/],
    [fileOf({ ci: ['a', 'b', 'c'] }), /users\.ci\.tokens: must have at most 2 tokens/],
    ['{"users":{"ci":{"tokens":[{"sha256":"plain text"}]}}}', /users\.ci\.tokens\.0\.sha256: must be the SHA-256/],
    [fileOf({ 'a:b': ['a'] }), /a user has letters/],
    [fileOf({ ci: [{ token: 'a', expires: 'tomorrow' }] }), /users\.ci\.tokens\.0\.expires: must be a time/],
    [fileOf({ ci: [{ token: 'a', expires: '2026-11-24' }] }), /expires: must be a time/],
    [fileOf({ ci: ['a'] }).replace('"sha256"', '"expire":"2026","sha256"'), /Unrecognized key/],
  ] as const) {
    it(`are not read from ${content.slice(0, 60) || 'nothing'}: ${problem.source}`, () => {
      assert.throws(
        () => parseCredentials(content),
        (error) => error instanceof CredentialsError && problem.test(error.message),
      );
    });
  }

  it('are not quoted when the file is wrong', () => {
    for (const content of ['{"users": nixery_secret', '{"users":{"ci":{"tokens":[{"sha256":"nixery_secret"}]}}}']) {
      assert.throws(
        () => parseCredentials(content),
        (error) => error instanceof Error && !error.message.includes('nixery_secret'),
      );
    }
  });
});

describe('a file of credentials', () => {
  async function withFile(content: string, test: (path: string, log: string[]) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'nixery-credentials-'));
    try {
      await writeFile(join(folder, 'file'), content);
      await test(join(folder, 'file'), []);
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  const logTo = (lines: string[]) => ({
    info: (_about: unknown, message?: string) => lines.push(`info ${String(message)}`),
    error: (about: unknown, message?: string) => lines.push(`error ${String(message)} ${JSON.stringify(about)}`),
  });

  it('is looked at every few seconds', async () => {
    await withFile(fileOf({ ci: ['old', 'new'] }), async (path, lines) => {
      const file = await credentialsFile(path, logTo(lines) as never, { everyMs: 10 });
      try {
        assert.equal(file.current().check(login('ci', 'old'), 0).kind, 'known');
        // As a mounted secret changes: at once, by another file.
        await writeFile(`${path}.next`, fileOf({ ci: ['new'] }));
        await rename(`${path}.next`, path);
        await sleep(100);
        assert.equal(file.current().check(login('ci', 'old'), 0).kind, 'wrong');
        assert.equal(file.current().check(login('ci', 'new'), 0).kind, 'known');
        assert.deepEqual(lines, ['info credentials changed']);
      } finally {
        file.stop();
      }
    });
  });

  it('that breaks leaves what was read before in force, and is told of once', async () => {
    await withFile(fileOf({ ci: ['token'] }), async (path, lines) => {
      const file = await credentialsFile(path, logTo(lines) as never, { everyMs: 10 });
      try {
        await writeFile(path, '{"users":');
        await sleep(100);
        assert.equal(file.current().check(login('ci', 'token'), 0).kind, 'known');
        await rm(path);
        await sleep(100);
        assert.equal(file.current().check(login('ci', 'token'), 0).kind, 'known');
        assert.equal(lines.length, 2);
        assert.match(lines[0] ?? '', /^error the file of credentials is wrong.*it is not JSON/);
        assert.match(lines[1] ?? '', /cannot be read: .*ENOENT/);
        await writeFile(path, fileOf({ ci: ['other'] }));
        await sleep(100);
        assert.equal(file.current().check(login('ci', 'token'), 0).kind, 'wrong');
      } finally {
        file.stop();
      }
    });
  });

  it('that is wrong or missing at first is an error that names it', async () => {
    await withFile('{}', async (path, lines) => {
      await assert.rejects(
        credentialsFile(path, logTo(lines) as never),
        /file of credentials \/.*file is wrong: users: /,
      );
      await assert.rejects(
        credentialsFile(`${path}x`, logTo(lines) as never),
        /filex is wrong: it cannot be read: .*ENOENT/,
      );
    });
  });
});
