import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../support/command.ts';
import { basic, writeCredentials } from '../support/credentials.ts';
import { type DockerEngine, startDockerEngine } from '../support/clients/docker-engine.ts';
import { fixturePackages } from '../support/nix.ts';
import { projectFolder, type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { request, requestHeld } from '../support/http/request.ts';
import { personInfo, type TokenInfoDouble, tokenInfoDouble } from '../support/token-info.ts';

/** A private endpoint, and the clients that pull from it with and without credentials. */

const TOKEN = 'nixery_right-token-of-ci';
const EXPIRED = 'nixery_expired-token-of-ann';

let scratch: string;
let registry: RegistryProcess;
let engine: DockerEngine;
let google: TokenInfoDouble;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-private-'));
  const file = join(scratch, 'credentials.json');
  await writeCredentials(file, {
    ci: [{ token: TOKEN }],
    ann: [{ token: EXPIRED, expires: '2026-01-01T00:00:00Z' }],
  });
  await writeFile(join(scratch, 'nobody.json'), '{}');
  google = await tokenInfoDouble();
  google.tokens.set('ya29.of-bob', personInfo('bob@example.com'));
  google.tokens.set('ya29.of-eve', personInfo('eve@example.org'));
  registry = await startRegistry({
    NIXERY_PKGS_PATH: fixturePackages,
    STORAGE_PATH: join(scratch, 'store'),
    NIXERY_CREDENTIALS: file,
    NIXERY_GOOGLE_ALLOW: '@example.com',
    GOOGLE_TOKENINFO_ENDPOINT: google.endpoint,
    NIXERY_DENY: 'capital',
    NIXERY_MAX_FAILED_LOGINS: '1000',
  });
  engine = await startDockerEngine();
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await google[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

/** What a client prints when it fails. */
async function failureOf(running: Promise<string>): Promise<string> {
  return running.then(
    (printed) => assert.fail(`it went well: ${printed}`),
    (error: unknown) => String(error),
  );
}

interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Each pulls an image with credentials, or with none, whatever was pulled before. */
const clients: Record<string, (image: string, credentials?: Credentials) => Promise<string>> = {
  async docker(image, credentials) {
    const folder = await mkdtemp(join(scratch, 'docker-'));
    const auth = credentials && Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
    await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: auth ? { [registry.host]: { auth } } : {} }));
    return engine.docker('--config', folder, 'pull', `${registry.host}/${image}`);
  },
  podman: (image, credentials) =>
    run('podman', [
      ...['pull', '--tls-verify=false', '--authfile', join(scratch, 'nobody.json')],
      ...(credentials ? ['--creds', `${credentials.user}:${credentials.password}`] : []),
      `${registry.host}/${image}`,
    ]),
  skopeo: (image, credentials) =>
    run('skopeo', [
      ...['inspect', '--tls-verify=false', '--authfile', join(scratch, 'nobody.json')],
      ...(credentials ? ['--creds', `${credentials.user}:${credentials.password}`] : []),
      `docker://${registry.host}/${image}`,
    ]),
  ctr: (image, credentials) =>
    engine.ctr(
      ...['image', 'pull', '--plain-http'],
      ...(credentials ? ['--user', `${credentials.user}:${credentials.password}`] : []),
      `${registry.host}/${image}:latest`,
    ),
};

const right = { user: 'ci', password: TOKEN };

for (const [name, pull] of Object.entries(clients)) {
  describe(name, () => {
    it('pulls with a right token', async () => {
      await pull('greet', right);
    });

    for (const [what, credentials] of [
      ['a wrong token', { user: 'ci', password: 'nixery_wrong' }],
      ['a user that is none', { user: 'nobody', password: TOKEN }],
      ['a token that has expired', { user: 'ann', password: EXPIRED }],
      ['no credentials', undefined],
    ] as const) {
      it(`does not pull with ${what}`, async () => {
        const printed = await failureOf(pull('lib', credentials));
        assert.match(printed, /unauthorized|401|authentication required|no basic auth/i);
      });
    }

    it('is told that a package is denied, and why', async () => {
      const printed = await failureOf(pull('greet/capital', right));
      assert.match(printed, /Capital[ -]may[ -]not[ -]be[ -]pulled[ -]from[ -]this[ -]registry/, printed);
    });
  });
}

describe('logging in', () => {
  it('works with docker, and pulls afterwards', async () => {
    const folder = join(scratch, 'login');
    await mkdir(folder);
    const config = ['--config', folder];
    const login = (user: string, password: string) =>
      engine.docker(...config, 'login', '--username', user, '--password', password, registry.host);
    assert.match(await failureOf(login('ci', 'nixery_wrong')), /401 Unauthorized|unauthorized/);
    assert.match(await login('ci', TOKEN), /Login Succeeded/);
    await engine.docker(...config, 'pull', `${registry.host}/several`);
  });

  it('works with docker and a Google account', async () => {
    const folder = join(scratch, 'google');
    await mkdir(folder);
    const config = ['--config', folder];
    const login = (token: string) =>
      engine.docker(...config, 'login', '--username', 'oauth2accesstoken', '--password', token, registry.host);
    assert.match(await failureOf(login('ya29.of-eve')), /401 Unauthorized|unauthorized/);
    assert.match(await login('ya29.of-bob'), /Login Succeeded/);
    await engine.docker(...config, 'pull', `${registry.host}/9lives`);
    const pulled = registry.log.find(({ message, image }) => message === 'pull' && image === '9lives');
    assert.equal(pulled?.['user'], 'bob@example.com');
    // One look-up for each token, however many requests.
    assert.deepEqual(google.asked.sort(), ['ya29.of-bob', 'ya29.of-eve']);
  });

  it('works with podman, and pulls afterwards', async () => {
    const file = join(scratch, 'podman.json');
    const options = ['--tls-verify=false', '--authfile', file];
    const login = (password: string) =>
      run('podman', ['login', ...options, '--username', 'ci', '--password', password, registry.host]);
    assert.match(await failureOf(login('nixery_wrong')), /invalid username\/password|unauthorized/);
    assert.match(await login(TOKEN), /Login Succeeded/);
    await run('podman', ['pull', ...options, `${registry.host}/several`]);
    await run('podman', ['rmi', '--force', `${registry.host}/several`, `${registry.host}/greet`]);
  });
});

describe('every answer of 401', () => {
  it('holds one challenge and says what is wrong', async () => {
    for (const [headers, message] of [
      [{}, 'this registry asks for a user and a token'],
      [basic('', ''), 'this registry asks for a user and a token'],
      [basic('ci', ''), 'this registry asks for a user and a token'],
      [basic('ci', 'wrong'), 'the user or the token is wrong'],
      [basic('ann', EXPIRED), 'the token expired at 2026-01-01T00:00:00.000Z'],
      [basic('oauth2accesstoken', 'ya29.of-eve'), 'eve@example.org may not pull here'],
    ] as const) {
      for (const path of [
        '/v2/',
        '/v2/greet/manifests/latest',
        '/v2/_catalog',
        `/v2/x/blobs/sha256:${'0'.repeat(64)}`,
      ]) {
        const answer = await request(registry.origin, 'GET', path, headers);
        assert.equal(answer.status, 401);
        assert.equal(answer.headers['www-authenticate'], 'Basic realm="nixery-run"');
        assert.deepEqual(JSON.parse(answer.body.toString()), { errors: [{ code: 'UNAUTHORIZED', message }] });
      }
    }
  });
});

describe('a denied package', () => {
  it('is not built, and is refused in what was made before the policy, by tag and by digest', async () => {
    const env = { NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: join(scratch, 'policy') };
    let digest = '';
    {
      await using open = await startRegistry(env);
      const { status, headers } = await requestHeld(open.origin, 'GET', '/v2/lib/capital/manifests/latest');
      assert.equal(status, 200);
      digest = headers['docker-content-digest'] ?? '';
    }
    await using closed = await startRegistry({ ...env, NIXERY_DENY: 'LIB,nested.*,fails' });
    const path = '/v2/lib/capital/manifests';
    const message = 'lib may not be pulled from this registry';
    const errors = [{ code: 'DENIED', message }];
    for (const reference of ['latest?build-failed=x', digest, `${digest}?build-failed=x`]) {
      const answer = await requestHeld(closed.origin, 'GET', `${path}/${reference}`);
      const { status, body } =
        answer.status === 307 ? await request(closed.origin, 'GET', answer.headers['location'] ?? '') : answer;
      assert.equal(status, 403, body.toString());
      assert.deepEqual(JSON.parse(body.toString()), { errors });
    }
    // What an image was composed of may be denied as well; what is not known yet is not built to find that out.
    for (const name of ['greet/lib', 'NESTED.deep'.toLowerCase(), 'fails', 'fails/greet']) {
      const { status, body } = await requestHeld(closed.origin, 'GET', `/v2/${name}/manifests/latest?build-failed=x`);
      assert.equal(status, 403, body.toString());
      assert.match(body.toString(), /DENIED.*may not be pulled/);
    }
    // And it is evaluated once: where there is no Nix, the verdict is known.
    await using bare = await startRegistry({ ...env, NIXERY_DENY: 'fails', PATH: '/nowhere' });
    const bareStatus = async (name: string) =>
      (await requestHeld(bare.origin, 'GET', `/v2/${name}/manifests/latest?build-failed=x`)).status;
    assert.deepEqual(
      [await bareStatus('fails'), await bareStatus('fails/lib'), await bareStatus('throws')],
      [403, 403, 500],
    );
    // What only comes with a package is not asked about: greet needs lib.
    assert.equal((await requestHeld(closed.origin, 'GET', '/v2/greet/manifests/latest')).status, 200);
    await using strict = await startRegistry({ ...env, NIXERY_ALLOW: 'greet,nested.*' });
    const statusOf = async (name: string) =>
      (await requestHeld(strict.origin, 'GET', `/v2/${name}/manifests/latest?build-failed=x`)).status;
    assert.deepEqual(
      [
        await statusOf('greet'),
        await statusOf('nested.deep/greet'),
        await statusOf('lib'),
        await statusOf('greet/lib'),
      ],
      [200, 200, 403, 403],
    );
  });
});

describe('the file of credentials', () => {
  it('is looked at while the registry runs: a token that is taken out is refused', async () => {
    const file = join(scratch, 'rotated.json');
    const [old, next] = ['nixery_old', 'nixery_next'];
    await writeCredentials(file, { ci: [{ token: old }, { token: next }] });
    const env = { NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: join(scratch, 'rotated'), NIXERY_CREDENTIALS: file };
    await using rotating = await startRegistry({ ...env, NIXERY_MAX_FAILED_LOGINS: '1000' });
    const statusOf = async (token: string) =>
      (await request(rotating.origin, 'GET', '/v2/', basic('ci', token))).status;
    assert.deepEqual([await statusOf(old), await statusOf(next)], [200, 200]);
    await writeCredentials(file, { ci: [{ token: next }] });
    while ((await statusOf(old)) === 200) await sleep(100);
    assert.equal(await statusOf(next), 200);
    await writeFile(file, 'not JSON');
    while (!rotating.log.some(({ severity }) => severity === 'ERROR')) await sleep(100);
    assert.deepEqual([await statusOf(old), await statusOf(next)], [401, 200]);
  });

  it('stops the start when it is wrong, with what is wrong', async () => {
    const file = join(scratch, 'wrong.json');
    await writeFile(file, '{"users":{"ci":{"tokens":[{"sha256":"nixery_plain-text"}]}}}');
    const failed = await startRegistry({ NIXERY_PKGS_PATH: fixturePackages, NIXERY_CREDENTIALS: file }).then(
      () => assert.fail('it started'),
      (error: unknown) => String(error),
    );
    assert.match(
      failed,
      /cannot start: the file of credentials .*wrong\.json is wrong: users\.ci\.tokens\.0\.sha256: must/,
    );
    assert.doesNotMatch(failed, /plain-text|\n\s+at /);
  });

  it('gets its lines from npm run token', async () => {
    const command = [`${projectFolder}functions/commands/token.ts`, '--user', 'bo', '--days', '30'];
    const printed = await run(process.execPath, command);
    const token = /nixery_[\w-]{43}/.exec(printed)?.[0] ?? '';
    const file = join(scratch, 'made.json');
    await writeFile(file, /^ {2}(\{"users".*)$/m.exec(printed)?.[1] ?? '');
    const env = { NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: join(scratch, 'made'), NIXERY_CREDENTIALS: file };
    await using made = await startRegistry(env);
    assert.equal((await request(made.origin, 'GET', '/v2/', basic('bo', token))).status, 200);
    assert.ok(!made.printed().includes(token));
  });
});

describe('a budget of builds', () => {
  it('lets a user begin so many builds, and have what is there', async () => {
    const env = { NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: join(scratch, 'budget') };
    await using frugal = await startRegistry({ ...env, NIXERY_BUILDS_PER_HOUR: '1' });
    const ask = (name: string) => requestHeld(frugal.origin, 'GET', `/v2/${name}/manifests/latest`);
    assert.deepEqual([(await ask('greet')).status, (await ask('greet')).status], [200, 200]);
    const refused = await ask('lib');
    assert.equal(refused.status, 429);
    assert.match(refused.headers['retry-after'] ?? '', /^3[56]\d\d$/);
    assert.match(refused.body.toString(), /TOOMANYREQUESTS.*as many images made as you may/);
    assert.equal((await ask('greet')).status, 200);
  });
});

describe('an endpoint that is open', () => {
  it('says so', async () => {
    await using open = await startRegistry({ NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: join(scratch, 'open') });
    const warning = open.log.find(({ severity }) => severity === 'WARNING');
    assert.match(String(warning?.['message']), /anybody who reaches this endpoint can pull/);
  });
});
