import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { run } from '../support/command.ts';
import { pull, request, type Response } from '../support/http/request.ts';
import { imagesMade } from '../support/pulled-image.ts';
import { pullLine } from '../support/service/pull-lines.ts';
import { NIX_CONFIG, projectFolder, type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';

/** Names that stand for the images of two platforms. The packages of either are made by this machine's shell. */

const PACKAGES = `{ system, ... }:
let
  isArm = system == "aarch64-linux";
  make = name: script: derivation {
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-ec" script ];
    PATH = "/usr/bin:/bin";
    forPlatform = system;
    # What an earlier run has built takes no time.
    ofRun = "${randomUUID()}";
  };
  program = name: make name "mkdir -p $out/bin; echo \${name} >$out/bin/\${name}";
in
{
  both = program "both";
  other = program "other";
  third = program "third";
  versions = program "versions" // { version = if isArm then "2.0" else "1.0"; };
  breaks = if isArm then make "breaks" "echo it does not build there >&2; exit 3" else program "breaks";
  slow = if isArm then make "slow" "sleep 4; mkdir -p $out/bin; echo slow >$out/bin/slow" else program "slow";
}
// (if isArm then { } else { single = program "single"; })
`;

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const BOTH = 'linux/amd64,linux/arm64';

let scratch: string;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-platforms-'));
  await mkdir(join(scratch, 'packages'));
  await writeFile(join(scratch, 'packages', 'default.nix'), PACKAGES);
});
after(async () => {
  await rm(scratch, { recursive: true });
});

const configured = (store: string, env: Readonly<Record<string, string>> = {}) => ({
  NIXERY_PKGS_PATH: join(scratch, 'packages'),
  STORAGE_PATH: join(scratch, store),
  NIXERY_COMPRESSION: 'zlib',
  NIXERY_EVAL_AHEAD: 'off',
  NIXERY_PLATFORMS: BOTH,
  ...env,
});
const start = (store: string, env: Readonly<Record<string, string>> = {}) => startRegistry(configured(store, env));

async function manifestOf({ origin }: RegistryProcess, name: string, reference = 'latest'): Promise<Response> {
  const answer = await pull(origin, `/v2/${name}/manifests/${reference}`);
  assert.equal(answer.status, 200, answer.body.toString());
  assert.equal(answer.headers['docker-content-digest'], digestOfBytes(answer.body));
  return answer;
}

const digestOf = ({ headers }: Response) => headers['docker-content-digest'] ?? '';

async function command(script: 'purge' | 'verify', store: string, ...args: readonly string[]): Promise<string> {
  const env = { ...configured(store), NIX_CONFIG };
  return run(process.execPath, [join(projectFolder, 'functions', 'commands', `${script}.ts`), ...args], env);
}

describe('a name without a platform', () => {
  it('is an index of the very manifests that it has with either', async () => {
    await using registry = await start('index');
    const { body, headers } = await manifestOf(registry, 'both');
    assert.equal(headers['content-type'], INDEX);
    assert.equal(headers['vary'], 'Accept');
    assert.equal((await pullLine(registry, 'both'))['index'], true);
    const amd64 = await manifestOf(registry, 'amd64/both');
    const arm64 = await manifestOf(registry, 'arm64/both');
    const entry = (answer: Response, architecture: string) => ({
      ...{ mediaType: MANIFEST, digest: digestOf(answer), size: answer.body.length },
      platform: { architecture, os: 'linux' },
    });
    assert.deepEqual(JSON.parse(body.toString()), {
      ...{ schemaVersion: 2, mediaType: INDEX },
      manifests: [entry(amd64, 'amd64'), entry(arm64, 'arm64')],
    });
    for (const [answer, architecture] of [
      [amd64, 'amd64'],
      [arm64, 'arm64'],
    ] as const) {
      assert.equal(answer.headers['content-type'], MANIFEST);
      const { config } = JSON.parse(answer.body.toString()) as { config: { digest: string } };
      const blob = await request(registry.origin, 'GET', `/v2/both/blobs/${config.digest}`);
      assert.equal((JSON.parse(blob.body.toString()) as { architecture: string }).architecture, architecture);
    }
    assert.equal(imagesMade(registry).length, 2);

    const path = '/v2/both/manifests/latest';
    const head = await request(registry.origin, 'HEAD', path);
    assert.deepEqual(
      [head.status, head.headers['content-length'], head.headers['content-type'], head.body.length],
      [200, String(body.length), INDEX, 0],
    );
    const etag = `"${digestOfBytes(body)}"`;
    assert.equal(head.headers['etag'], etag);
    assert.equal((await request(registry.origin, 'GET', path, { 'If-None-Match': etag })).status, 304);
    // A client that knows no index, and docker 20.10's "manifest inspect", which knows no OCI manifest but the index.
    const plain = await request(registry.origin, 'GET', path, { Accept: MANIFEST });
    assert.equal(digestOf(plain), digestOf(amd64));
    assert.equal(
      (await request(registry.origin, 'GET', path, { Accept: `${INDEX};q=0.5` })).body.toString(),
      body.toString(),
    );
  });

  it('stays available by the digest that its tag was answered with, at another instance, too', async () => {
    let digest: string;
    {
      await using registry = await start('digest');
      digest = digestOf(await manifestOf(registry, 'both'));
    }
    // And where it has become the name of one platform.
    for (const platforms of [BOTH, 'linux/amd64']) {
      await using registry = await start('digest', { NIXERY_PLATFORMS: platforms });
      const answer = await request(registry.origin, 'GET', `/v2/both/manifests/${digest}`, { Accept: MANIFEST });
      assert.deepEqual([answer.status, digestOf(answer), answer.headers['vary']], [200, digest, undefined]);
      assert.equal(answer.headers['content-type'], INDEX);
      assert.equal(imagesMade(registry).length, 0);
    }
  });

  it('is the manifest for the one platform that is configured', async () => {
    const digests = [];
    for (const platforms of ['', 'linux/amd64', 'linux/arm64', BOTH]) {
      await using registry = await start('one', { NIXERY_PLATFORMS: platforms });
      const answer = await manifestOf(registry, platforms === BOTH ? 'amd64/both' : 'both');
      assert.equal(answer.headers['content-type'], MANIFEST);
      assert.equal(answer.headers['vary'], undefined);
      digests.push(digestOf(answer));
    }
    const [byDefault, amd64, arm64, named] = digests;
    assert.deepEqual([amd64, named], [byDefault, byDefault]);
    assert.notEqual(arm64, amd64);
  });

  it('is made by two instances together, once for each platform', async () => {
    await using one = await start('two');
    await using other = await start('two');
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => manifestOf(index % 2 === 0 ? one : other, 'both/other')),
    );
    assert.equal(new Set(answers.map(digestOf)).size, 1);
    assert.equal(imagesMade(one).length + imagesMade(other).length, 2);
  });

  it('is completed by another instance when the one that made it is killed between the two', async () => {
    await using killed = await start('killed');
    const cut = request(killed.origin, 'GET', '/v2/slow/manifests/latest').catch(() => undefined);
    while (imagesMade(killed).length === 0) await sleep(20);
    assert.equal(imagesMade(killed).length, 1);
    await killed.kill();
    await cut;
    await using registry = await start('killed');
    const { body } = await manifestOf(registry, 'slow');
    const { manifests } = JSON.parse(body.toString()) as { manifests: { digest: string }[] };
    assert.deepEqual(
      manifests.map(({ digest }) => digest),
      [digestOf(await manifestOf(registry, 'amd64/slow')), digestOf(await manifestOf(registry, 'arm64/slow'))],
    );
    assert.equal(imagesMade(registry).length, 1);
  });

  it('costs the budget of one image', async () => {
    await using registry = await start('budget', { NIXERY_BUILDS_PER_HOUR: '2' });
    await manifestOf(registry, 'both');
    await manifestOf(registry, 'other');
    const third = await request(registry.origin, 'GET', '/v2/third/manifests/latest');
    assert.equal(third.status, 429);
    // What is known, and what costs nothing, is there all the same.
    await manifestOf(registry, 'arm64/other');
  });
});

describe('a package that one platform does not have', () => {
  for (const [name, status, why] of [
    ['single', 404, /there is no package single/],
    ['breaks', 422, /it does not build there/],
  ] as const) {
    it(`is had for the other by its name alone, and by its platform where it is ${name}`, async () => {
      await using registry = await start(`lacking-${name}`);
      const answer = await manifestOf(registry, name);
      assert.equal(answer.headers['content-type'], MANIFEST);
      assert.match(String((await pullLine(registry, name))['without']), /^not for linux\/arm64: /);
      assert.equal(digestOf(await manifestOf(registry, `amd64/${name}`)), digestOf(answer));
      const arm64 = await pull(registry.origin, `/v2/arm64/${name}/manifests/latest`);
      assert.equal(arm64.status, status);
      assert.match(arm64.body.toString(), why);
      // From memory, with the reason still.
      await manifestOf(registry, name);
      const again = await pullLine(registry, name, { nth: 2 });
      assert.equal(again['cache'], 'memory');
      assert.match(String(again['without']), /^not for linux\/arm64: /);
      const said = registry.log.filter(({ without, message }) => without !== undefined && message !== 'pull');
      assert.equal(said.length, 1);
    });
  }

  it('is nowhere when no platform has it', async () => {
    await using registry = await start('nowhere');
    const answer = await pull(registry.origin, '/v2/nowhere/manifests/latest');
    assert.equal(answer.status, 404);
    assert.match(answer.body.toString(), /there is no package nowhere/);
  });

  it('is denied as a whole', async () => {
    await using registry = await start('denied', { NIXERY_DENY: 'both' });
    const answer = await pull(registry.origin, '/v2/both/manifests/latest');
    assert.equal(answer.status, 403);
  });
});

describe('the page of a name for several platforms', () => {
  it('shows the image of each, what differs, and why one is not there', async () => {
    await using registry = await start('page');
    const look = async (name: string) => {
      const { status, body } = await request(registry.origin, 'GET', `/api/images/${name}`);
      return { status, ...(JSON.parse(body.toString()) as { state: string; platforms: Record<string, unknown>[] }) };
    };
    const page = async (name: string) => (await request(registry.origin, 'GET', `/images/${name}`)).body.toString();
    assert.deepEqual(
      (await look('both')).platforms.map(({ state }) => state),
      ['not-made', 'not-made'],
    );
    await manifestOf(registry, 'both');
    const both = await look('both');
    assert.equal(both.status, 200);
    assert.deepEqual(
      both.platforms.map(({ platform, name, state, digest }) => [platform, name, state, digest]),
      [
        ['linux/amd64', 'amd64/both', 'made', digestOf(await manifestOf(registry, 'amd64/both'))],
        ['linux/arm64', 'arm64/both', 'made', digestOf(await manifestOf(registry, 'arm64/both'))],
      ],
    );
    assert.match(await page('both'), /What differs[^]*They hold the same packages in the same versions/);
    assert.match(await page('amd64/both'), /<dd>linux\/amd64<\/dd>/);
    await manifestOf(registry, 'breaks');
    assert.match(await page('breaks'), /not to be had: [^<]*breaks/);
    await manifestOf(registry, 'versions');
    assert.match(await page('versions'), /versions:\s+1\.0 \(linux\/amd64\), 2\.0 \(linux\/arm64\)/);
  });
});

describe('an index that is looked after', () => {
  it('goes with its images, by name and by digest, and is found where an image is gone', async () => {
    const remake = async () => {
      await using registry = await start('kept');
      await manifestOf(registry, 'other');
      return digestOf(await manifestOf(registry, 'both'));
    };
    const digest = await remake();
    assert.match(await command('verify', 'kept'), / 2 platforms,/);
    assert.match(await command('purge', 'kept', 'amd64/both'), /an index that leads to it/);
    assert.match(await command('verify', 'kept'), / 1 platforms,/);
    assert.equal(await remake(), digest);
    assert.match(await command('purge', 'kept', digest), /removed in all: images 2/);
    assert.equal(await remake(), digest);
    assert.match(await command('purge', 'kept', 'both'), /removed in all: images 2/);
    await using registry = await start('kept');
    assert.equal((await request(registry.origin, 'GET', `/v2/both/manifests/${digest}`)).status, 404);
    assert.match(await command('verify', 'kept'), / 1 platforms,/);
  });
});
