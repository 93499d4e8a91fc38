import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, parseConfig } from '../../functions/config/config.ts';

const world = { programFolder: '/program', terminal: false };
const parse = (env: Record<string, string>) => parseConfig(env, world);

function problemsOf(env: Record<string, string>): string {
  try {
    parse(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  assert.fail('the configuration was taken');
}

describe('the configuration', () => {
  it('has a default for everything', () => {
    const config = parse({ HOME: '/home/u' });
    assert.equal(config.port, 8080);
    assert.deepEqual(config.storage, { backend: 'filesystem', path: `${process.cwd()}/.data/store` });
    assert.deepEqual(config.packages, { kind: 'channel', channel: 'nixos-26.05', commits: 'reachable' });
    assert.equal(config.nix.expressions, '/program/nix');
    assert.equal(config.nix.timeoutMs, 600_000);
    assert.equal(config.nix.cacheFolder, '/home/u/.cache/nixery-run');
    assert.equal(config.builder.compression, 'igzip');
    assert.equal(config.builder.pinForMs, 300_000);
    assert.deepEqual([config.builder.maxLayers, config.builder.popularityUrl], [100, undefined]);
    assert.deepEqual(
      [config.builder.maxBuilds, config.builder.maxQueue, config.builder.holdMs],
      [undefined, 64, 20_000],
    );
    assert.equal(config.logFormat, 'json');
  });

  it('takes a variable that is set to nothing as not set', () => {
    assert.deepEqual(parse({ PORT: '', BUCKET: '', NIXERY_PKGS_PATH: '', NIXERY_COMPRESSION: '' }), parse({}));
  });

  it('knows each package source', () => {
    assert.deepEqual(parse({ NIXERY_CHANNEL: 'nixos-unstable' }).packages, {
      kind: 'channel',
      channel: 'nixos-unstable',
      commits: 'reachable',
    });
    assert.deepEqual(parse({ NIXERY_PKGS_REPO: 'https://a/b', NIXERY_COMMITS: 'any' }).packages, {
      kind: 'git',
      url: 'https://a/b',
      commits: 'any',
    });
    assert.deepEqual(parse({ NIXERY_PKGS_PATH: '/a/b' }).packages, { kind: 'folder', path: '/a/b' });
  });

  it('takes a password in the address of a repository only where git can be told it', () => {
    for (const url of ['https://user:p%40ss@a/b', 'ssh://git@a/b', 'git@a:b.git', 'https://token@a/b']) {
      assert.equal(parse({ NIXERY_PKGS_REPO: url }).packages.kind, 'git');
    }
    for (const url of ['ssh://git:secret@a/b', 'https://user:one%0Atwo@a/b', 'https://user:%E4@a/b']) {
      assert.match(
        problemsOf({ NIXERY_PKGS_REPO: url }),
        /NIXERY_PKGS_REPO must have no password but with http or https/,
      );
    }
  });

  it('lists platforms, each once, and one by default', () => {
    const systems = (NIXERY_PLATFORMS: string) => parse({ NIXERY_PLATFORMS }).builder.systems;
    assert.deepEqual(systems(''), ['x86_64-linux']);
    assert.deepEqual(systems('linux/arm64'), ['aarch64-linux']);
    assert.deepEqual(systems('linux/arm64, linux/amd64,linux/arm64'), ['aarch64-linux', 'x86_64-linux']);
    for (const wrong of ['amd64', 'linux/arm64/v8', 'linux/amd64,,', 'linux/riscv64'])
      assert.match(
        problemsOf({ NIXERY_PLATFORMS: wrong }),
        /NIXERY_PLATFORMS\S* must list platforms: linux\/amd64, linux\/arm64/,
      );
  });

  it('names every wrong variable at once', () => {
    const message = problemsOf({
      PORT: 'http',
      NIX_TIMEOUT: '0',
      NIXERY_COMPRESSION: 'lzma',
      NIXERY_LAYERS: '101',
      NIX_POPULARITY_URL: 'popularity.json',
      NIXERY_STORAGE_BACKEND: 'tape',
      NIXERY_CHANNEL: '../x',
      NIXERY_PKGS_PATH: '/p',
    });
    for (const name of [
      ...['PORT', 'NIX_TIMEOUT', 'NIXERY_COMPRESSION', 'NIXERY_LAYERS', 'NIX_POPULARITY_URL'],
      ...['NIXERY_STORAGE_BACKEND', 'NIXERY_CHANNEL'],
    ]) {
      assert.match(message, new RegExp(`- ${name} must`));
    }
    assert.match(message, /only one of NIXERY_CHANNEL, NIXERY_PKGS_PATH/);
  });

  it('takes a bucket under both names, and needs one for gcs', () => {
    const unsigned = { backend: 'gcs', bucket: 'team', apiEndpoint: undefined, signing: { kind: 'public' } };
    assert.deepEqual(parse({ BUCKET: 'team' }).storage, unsigned);
    assert.deepEqual(parse({ GCS_BUCKET: 'team', NIXERY_STORAGE_BACKEND: 'gcs' }).storage, unsigned);
    assert.deepEqual(parse({ GCS_BUCKET: 'team', BUCKET: 'team' }).storage, unsigned);
    assert.equal(parse({ BUCKET: 'team', NIXERY_STORAGE_BACKEND: 'filesystem' }).storage.backend, 'filesystem');
    assert.match(problemsOf({ NIXERY_STORAGE_BACKEND: 'gcs' }), /BUCKET must be set/);
    assert.match(problemsOf({ BUCKET: 'team', GCS_BUCKET: 'other' }), /BUCKET and GCS_BUCKET must be the same/);
    assert.match(problemsOf({ BUCKET: 'gs://team' }), /BUCKET must be the name of a bucket, without gs:/);
  });

  it('signs with a key, without one, or not at all', () => {
    const signing = (env: Record<string, string>) => {
      const { storage } = parse({ BUCKET: 'team', ...env });
      return storage.backend === 'gcs' ? storage.signing : undefined;
    };
    const account = 'signer@team.iam.gserviceaccount.com';
    assert.deepEqual(signing({ GCS_SIGNING_KEY: '/k', GCS_SIGNING_ACCOUNT: account }), {
      kind: 'key',
      path: '/k',
      account,
    });
    assert.deepEqual(signing({ GCS_SIGNING_KEY: '/k' }), { kind: 'key', path: '/k', account: undefined });
    assert.deepEqual(signing({ GCS_SIGNING_ACCOUNT: account }), { kind: 'keyless', account });
    assert.deepEqual(signing({}), { kind: 'public' });
    const problems = problemsOf({ BUCKET: 'team', GCS_SIGNING_ACCOUNT: 'me', GCS_API_ENDPOINT: 'localhost' });
    assert.match(problems, /GCS_SIGNING_ACCOUNT must be the e-mail address/);
    assert.match(problems, /GCS_API_ENDPOINT must be a URL/);
  });

  it('is open unless it is told who may pull', () => {
    const access = (env: Record<string, string>) => {
      const { credentials, google, maxFailedLogins } = parse(env).access;
      return { credentials, google, maxFailedLogins };
    };
    assert.deepEqual(access({}), { credentials: undefined, google: undefined, maxFailedLogins: 20 });
    assert.deepEqual(
      access({
        NIXERY_CREDENTIALS: '/c',
        NIXERY_GOOGLE_ALLOW: 'Ann@example.org, @Example.com',
        NIXERY_MAX_FAILED_LOGINS: '5',
      }),
      {
        credentials: '/c',
        google: { accounts: ['ann@example.org'], domains: ['example.com'], tokenInfoEndpoint: undefined },
        maxFailedLogins: 5,
      },
    );
    for (const list of ['example.com', 'a@b.com,', '@', '*', 'a@b.com c@d.com']) {
      assert.match(problemsOf({ NIXERY_GOOGLE_ALLOW: list }), /NIXERY_GOOGLE_ALLOW.* must be accounts and domains/);
    }
  });

  it('reads what may be had, by patterns', () => {
    assert.deepEqual(parse({}).access.policy, { allow: undefined, deny: [] });
    assert.deepEqual(parse({ NIXERY_ALLOW: 'git, python3Packages.*', NIXERY_DENY: 'nmap' }).access.policy, {
      allow: ['git', 'python3Packages.*'],
      deny: ['nmap'],
    });
    for (const list of ['git,', 'a b', 'a/b', '(a|b)']) {
      assert.match(problemsOf({ NIXERY_DENY: list }), /NIXERY_DENY.* must be attributes/, list);
    }
  });

  it('takes the address of a client from a header at Google alone', () => {
    assert.deepEqual(parse({ NIXERY_TRUSTED_PROXIES: '1' }).access.addresses, { kind: 'socket' });
    assert.deepEqual(parse({ K_SERVICE: 's' }).access.addresses, { kind: 'forwarded', proxies: 0 });
    assert.deepEqual(parse({ K_SERVICE: 's', NIXERY_TRUSTED_PROXIES: '1' }).access.addresses, {
      kind: 'forwarded',
      proxies: 1,
    });
  });

  it('gives Nix no variable but those that it needs', () => {
    const { environment } = parse({ PATH: '/bin', HOME: '/h', SECRET: 's', BUCKET: '', NIX_REMOTE: 'daemon' }).nix;
    assert.deepEqual(environment, { PATH: '/bin', HOME: '/h', NIX_REMOTE: 'daemon' });
  });

  it('gives another user that Nix runs as a home of its own', () => {
    const env = { PATH: '/bin', HOME: '/root', XDG_CACHE_HOME: '/root/cache', NIXERY_NIX_USER: 'nix' };
    const { environment, user, cacheFolder } = parse(env).nix;
    assert.deepEqual(user, { name: 'nix', group: 'nix', maxProcesses: 4 * 2048 });
    assert.deepEqual(environment, { PATH: '/bin', USER: 'nix', HOME: '/nix/home', TMPDIR: '/nix/home/tmp' });
    assert.equal(cacheFolder, '/nix/home/.cache/nixery-run');
    assert.equal(parse({ ...env, NIXERY_NIX_HOME: '/elsewhere' }).nix.environment['HOME'], '/elsewhere');
    assert.equal(parse({}).nix.user, undefined);
    assert.match(
      problemsOf({ NIXERY_NIX_USER: '-x', NIXERY_NIX_HOME: 'a' }),
      /NIXERY_NIX_USER must[^]*NIXERY_NIX_HOME/,
    );
  });

  it('bounds what one call of Nix takes', () => {
    assert.deepEqual(parse({}).nix.processLimits, { processes: 2048, memoryBytes: undefined });
    const env = { NIXERY_BUILD_PROCESSES: '100', NIXERY_BUILD_MEMORY_MB: '512' };
    assert.deepEqual(parse(env).nix.processLimits, { processes: 100, memoryBytes: 512 * 1024 * 1024 });
    assert.match(problemsOf({ NIXERY_BUILD_PROCESSES: '3' }), /NIXERY_BUILD_PROCESSES must be at least 64/);
  });

  it('adds binary caches to what else Nix is told', () => {
    const key = 'cache.example.com-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=';
    const { environment } = parse({
      NIX_CONFIG: 'sandbox = false',
      NIXERY_SUBSTITUTERS: 'https://a.example.com  https://b.example.com/x?priority=1',
      NIXERY_TRUSTED_KEYS: key,
      NIXERY_NETRC: '/secrets/netrc/netrc',
    }).nix;
    assert.deepEqual(environment['NIX_CONFIG']?.split('\n'), [
      'sandbox = false',
      'extra-substituters = https://a.example.com https://b.example.com/x?priority=1',
      `extra-trusted-public-keys = ${key}`,
      'netrc-file = /secrets/netrc/netrc',
    ]);
    assert.equal(parse({}).nix.environment['NIX_CONFIG'], undefined);
    assert.match(
      problemsOf({ NIXERY_SUBSTITUTERS: 'https://user:pass@a.example.com', NIXERY_TRUSTED_KEYS: 'key' }),
      /NIXERY_SUBSTITUTERS.* without passwords[^]*NIXERY_TRUSTED_KEYS.* public keys/,
    );
  });

  it('reads what the store may take', () => {
    assert.equal(parse({}).nix.storeLimitBytes, undefined);
    assert.equal(parse({ NIXERY_STORE_LIMIT_MB: '768' }).nix.storeLimitBytes, 768 * 1024 * 1024);
    assert.match(problemsOf({ NIXERY_STORE_LIMIT_MB: '12' }), /NIXERY_STORE_LIMIT_MB must be at least 64/);
  });

  it('writes JSON at Google and wherever nobody reads along', () => {
    assert.equal(parseConfig({}, { ...world, terminal: true }).logFormat, 'text');
    assert.equal(parseConfig({ K_SERVICE: 's' }, { ...world, terminal: true }).logFormat, 'json');
  });
});
