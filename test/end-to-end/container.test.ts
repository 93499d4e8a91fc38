import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BucketDouble, environmentOf, startBucket } from '../support/bucket/server.ts';
import { aptProxy, containerBase } from '../support/service/container-base.ts';
import { debianPackages } from '../support/debian.ts';
import { type DockerEngine, startDockerEngine } from '../support/clients/docker-engine.ts';
import { projectFolder } from '../support/service/registry-process.ts';
import { run } from '../support/command.ts';
import { gitServer } from '../support/git/server.ts';
import { pull, request } from '../support/http/request.ts';
import { type ServiceContainer, startContainer } from '../support/service/container.ts';

/**
 * The image that `nix/Dockerfile` describes, on a Debian that is made here, run as Cloud Run runs it: the bucket, the
 * metadata server and the IAM API stand on this machine.
 */

const IMAGE = 'nixery-run:test';
const AUTHOR = ['-c', 'user.name=Author', '-c', 'user.email=author@example.org'];
/** No cache can be reached here, and asking for one takes seconds each time. */
const OFFLINE = { NIX_CONFIG: 'substitute = false' };

let scratch: string;
let engine: DockerEngine;
let proxy: Readonly<Record<string, string>>;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-container-'));
  // Docker Engine 20.10 has no BuildKit of its own.
  process.env['DOCKER_BUILDKIT'] = '0';
  const address = await aptProxy();
  proxy = address === undefined ? {} : { http_proxy: address };
  const base = await containerBase();
  engine = await startDockerEngine();
  await engine.docker('import', base, 'debian-base:test');
  const settings = Object.entries({ BASE: 'debian-base:test', ...proxy }).flatMap(([name, value]) => [
    '--build-arg',
    `${name}=${value}`,
  ]);
  await engine.docker(
    'build',
    '--network=host',
    ...settings,
    '--file',
    `${projectFolder}nix/Dockerfile`,
    '--tag',
    IMAGE,
    projectFolder,
  );
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

/** The service over a bucket, with the Debian package set, signing without a key. */
const overBucket = (bucket: BucketDouble, more: Record<string, string> = {}) => ({
  env: {
    ...environmentOf(bucket),
    ...OFFLINE,
    ...proxy,
    GCS_SIGNING_ACCOUNT: bucket.account,
    NIXERY_PKGS_PATH: '/packages',
    NIXERY_STORE_LIMIT_MB: '500',
    ...more,
  },
  mounts: { [debianPackages]: '/packages' },
});

const made = async (container: ServiceContainer) =>
  (await container.log()).filter(({ message }) => message === 'image made');

/** The folder of the evaluation that waits in the container: of another one than before. */
async function waitingEvaluation(container: ServiceContainer, before?: string): Promise<string> {
  for (let round = 0; round < 100; round++) {
    const folder = /^nixery-ahead-\w+$/m.exec(await container.exec('ls', '/tmp'))?.[0];
    if (folder !== undefined && folder !== before) return folder;
    await sleep(100);
  }
  throw new Error('no evaluation waits');
}

/** A derivation that makes something below its `bin`. */
const packageOf = (name: string, script: string) => `${name} = derivation {
  name = "${name}";
  inherit system;
  builder = "/bin/sh";
  args = [ "-ec" ''mkdir -p $out/bin; ${script}'' ];
  PATH = "/usr/bin:/bin";
};`;

/** A folder with a package set. */
async function packageSet(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(scratch, name);
  await mkdir(folder);
  await writeFile(join(folder, 'default.nix'), `{ system, ... }: { ${packages.join('\n')} }`);
  return folder;
}

describe("the service's image", () => {
  it('adds less than 15 MB to Debian, Nix and Node', async () => {
    const printed = await engine.docker(
      'run',
      '--rm',
      '--network=none',
      '--entrypoint=du',
      IMAGE,
      '-sb',
      '/app',
      '/etc/nix',
    );
    const bytes = printed.match(/^\d+/gm)?.map(Number) ?? [];
    const total = bytes.reduce((sum, one) => sum + one, 0);
    assert.ok(bytes.length === 2 && total < 15e6, printed);
  });

  it('has an empty folder for the volume of the store', async () => {
    const printed = await engine.docker('run', '--rm', '--network=none', '--entrypoint=ls', IMAGE, '-A', '/nix');
    assert.equal(printed.trim(), '');
  });

  it('does not start as another user than root, and says why', async () => {
    await assert.rejects(
      engine.docker('run', '--rm', '--network=none', '--user=1000', IMAGE),
      /the container must start as root/,
    );
  });

  it('takes its compiled code from the image', async () => {
    const env = { STORAGE_PATH: '/tmp/store', NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
    await using container = await startContainer(engine, IMAGE, { env });
    const printed = await engine.docker('logs', container.id);
    // Half of the time to start is compiling; npm run bench -- start has all of it.
    for (const name of ['index', 'registry-[A-Z0-9]+']) {
      assert.match(printed, new RegExp(`code cache for ESM file:///app/functions/${name}\\.mjs was accepted`));
    }
    assert.doesNotMatch(printed, /code cache for \S+ file:\S+ was rejected/);
  });
});

describe('the service in a container with an empty, small store', () => {
  it('makes an image for docker, and serves it from another container without making it again', async () => {
    await using bucket = await startBucket();
    await using first = await startContainer(engine, IMAGE, overBucket(bucket));
    const command = ['--rm', '--network=none'];
    assert.match(await engine.docker('run', ...command, `${first.host}/shell/git`, 'git', '--version'), /git version/);
    assert.equal((await made(first)).length, 1);
    // An evaluation waits for the next image, as Nix's user, with Debian's newer Nix, and answers.
    const before = await waitingEvaluation(first);
    // The server made it without the right to give files away.
    const files = ['', '/gate', '/asked.json'].map((name) => `/tmp/${before}${name}`);
    assert.equal(await first.exec('stat', '--format=%a %U %G', ...files), '710 root nix\n640 root nix\n640 root nix');
    const { status, body } = await pull(first.origin, '/v2/jq/manifests/latest');
    assert.equal(status, 200, body.toString());
    assert.notEqual(await waitingEvaluation(first, before), before);
    assert.deepEqual(
      (await first.log()).filter(({ message }) => String(message).includes('no evaluation waits')),
      [],
    );
    await first.kill();

    await using second = await startContainer(engine, IMAGE, overBucket(bucket, { NIXERY_EVAL_AHEAD: 'off' }));
    assert.match(await engine.docker('run', ...command, `${second.host}/shell/git`, 'git', '--version'), /git version/);
    assert.deepEqual(await made(second), []);
    // Nix was not even started.
    assert.equal((await second.exec('ls', '-A', '/nix/store')).trim(), '');
    const reads = bucket.requests.filter(({ target }) => target.startsWith('/team-bucket/layers/'));
    assert.ok(reads.length > 0 && reads.every(({ target }) => target.includes('X-Goog-Signature=')));
    assert.equal(await second.stop(), 0);
  });

  it('refuses what needs more memory than there is, with the figures, and goes on', async () => {
    const packages = await packageSet('huge', [
      packageOf('huge', 'head -c 300M /dev/zero > $out/bin/huge'),
      packageOf('small', 'echo > $out/bin/small'),
    ]);
    const env = { ...OFFLINE, STORAGE_PATH: '/tmp/store', NIXERY_PKGS_PATH: '/packages', NIXERY_STORE_LIMIT_MB: '64' };
    await using container = await startContainer(engine, IMAGE, {
      env,
      mounts: { [packages]: '/packages' },
      storeMib: 100,
    });
    const { status, body } = await pull(container.origin, '/v2/huge/manifests/latest');
    assert.equal(status, 422, body.toString());
    assert.match(body.toString(), /needs more room than there is in the Nix store, of whose 100 MiB \d+ MiB are free/);
    const answer = await pull(container.origin, '/v2/small/manifests/latest');
    assert.equal(answer.status, 200, answer.body.toString());
    assert.equal((await request(container.origin, 'GET', '/ready')).status, 200);
  });
});

describe('a git repository, with the newer Nix of the container', () => {
  it('is pulled from by branch and by commit', async () => {
    const folder = await packageSet('repository', [packageOf('small', 'echo one > $out/bin/small')]);
    const git = (...args: string[]) => run('git', ['-C', folder, ...AUTHOR, ...args]);
    await git('init', '--quiet', '--initial-branch=main');
    await git('add', '.');
    await git('commit', '--quiet', '--message=one');
    const first = (await git('rev-parse', 'HEAD')).trim();
    await git('commit', '--quiet', '--allow-empty', '--message=two');
    await using server = await gitServer(scratch);
    const env = { ...OFFLINE, STORAGE_PATH: '/tmp/store', NIXERY_PKGS_REPO: `${server.origin}/repository/.git` };
    await using container = await startContainer(engine, IMAGE, { env });
    for (const tag of ['latest', 'main', first]) {
      const { status, body } = await pull(container.origin, `/v2/small/manifests/${tag}`);
      assert.equal(status, 200, `${tag}: ${body.toString()}`);
    }
    const { status, body } = await pull(container.origin, `/v2/small/manifests/${'1'.repeat(40)}`);
    assert.equal(status, 404, body.toString());
  });
});

describe('a build in the container', () => {
  it('finds none of the secrets of the server', async () => {
    const spy = `
      id
      grep -E '^(NoNewPrivs|Cap)' /proc/self/status
      cat /proc/1/environ /secrets/key /proc/1/mem || true
      cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c -e SECRET -e NIXERY_ || true
      touch /nix/x /nix/store/../var/x || true
      exit 1`;
    const packages = await packageSet('spy', [packageOf('spy', spy)]);
    const key = join(scratch, 'key');
    await writeFile(key, 'the-secret-of-the-file', { mode: 0o400 });
    const env = {
      ...OFFLINE,
      STORAGE_PATH: '/tmp/store',
      NIXERY_PKGS_PATH: '/packages',
      SECRET: 'the-secret-of-the-server',
    };
    const mounts = { [packages]: '/packages', [key]: '/secrets/key' };
    await using container = await startContainer(engine, IMAGE, { env, mounts });
    const { status, body } = await pull(container.origin, '/v2/spy/manifests/latest');
    assert.equal(status, 422, body.toString());
    const found = JSON.stringify(JSON.parse(body.toString()));
    assert.match(found, /uid=\d+\(nix\) gid=\d+\(nix\) groups=\d+\(nix\)/);
    assert.match(found, /NoNewPrivs:\s+1/);
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(found, new RegExp(`${set}:\\s+0{16}`));
    for (const path of ['/proc/1/environ', '/secrets/key', '/proc/1/mem']) {
      assert.match(found, new RegExp(`cat: ${path}: Permission denied`));
    }
    assert.match(found, /touch: cannot touch '\/nix\/x': Permission denied/);
    assert.match(found, /Permission denied","0","touch/);
    assert.doesNotMatch(found, /the-secret-of/);
    // The server itself keeps what it takes to start Nix as another user, and nothing else.
    assert.match(await container.exec('grep', 'CapEff', '/proc/1/status'), /00000000000001e0/);
  });
});

describe('SIGTERM', () => {
  it('lets a pull that has begun come to its end', async () => {
    const packages = await packageSet('large', [packageOf('large', 'head -c 30M /dev/urandom > $out/bin/large')]);
    const env = { ...OFFLINE, STORAGE_PATH: '/tmp/store', NIXERY_PKGS_PATH: '/packages' };
    await using container = await startContainer(engine, IMAGE, { env, mounts: { [packages]: '/packages' } });
    const { body } = await pull(container.origin, '/v2/large/manifests/latest');
    const { layers } = JSON.parse(body.toString()) as { layers: { digest: string; size: number }[] };
    const layer = layers.toSorted((a, b) => b.size - a.size)[0];
    assert.ok(layer !== undefined && layer.size > 30e6);

    const [response] = (await once(get(`${container.origin}/v2/large/blobs/${layer.digest}`), 'response')) as [
      IncomingMessage,
    ];
    const hash = createHash('sha256');
    let stopped: ReturnType<ServiceContainer['stop']> | undefined;
    let readBytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      hash.update(chunk);
      readBytes += chunk.length;
      if (readBytes < 1e6) continue;
      if (stopped === undefined) {
        stopped = container.stop();
        await sleep(1_000);
        await assert.rejects(request(container.origin, 'GET', '/v2/'), 'it takes new connections');
      }
      // A client that takes two seconds for the rest.
      if (readBytes % 8 === 0) await sleep(1);
    }
    assert.equal(`sha256:${hash.digest('hex')}`, layer.digest);
    assert.equal(await stopped, 0);
  });
});
