import assert from 'node:assert/strict';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { run } from '../support/command.ts';
import { debianPackages } from '../support/debian.ts';
import { copyAndCheck } from '../support/clients/image-layout.ts';
import { fixturePackages } from '../support/nix.ts';
import { startRegistry } from '../support/service/registry-process.ts';
import { pull, request, requestHeld } from '../support/http/request.ts';

/** What a registry does on other machines, under load, and when its machine fails it. */

let scratch: string;
let counter = 0;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-machines-'));
});
after(async () => {
  await rm(scratch, { recursive: true, force: true });
});

/** Images of the tests' packages. Those of the first two are evaluated and built at once; the others are made of what is there. */
const NAMES = [
  'greet/lib/capital/9lives/several/round/around/wrapper/env/confer/more/nested.deep',
  'arm64/greet/lib/several',
  ...[
    'greet',
    'lib',
    'capital',
    '9lives',
    'several',
    'round',
    'wrapper',
    'lib/capital',
    'wrapper/more',
    'round/around',
  ],
  ...['nested.deep/9lives', 'several/greet', 'several/round', 'env/confer', 'confer/more', 'around/round/lib'],
  ...['arm64/greet', 'arm64/lib/several'],
];

async function folder(): Promise<string> {
  const path = join(scratch, String(counter++));
  await mkdir(path);
  return path;
}

async function digestFrom(origin: string, name: string): Promise<string> {
  const { status, headers, body } = await pull(origin, `/v2/${name}/manifests/latest`);
  assert.equal(status, 200, body.toString());
  return headers['docker-content-digest'] ?? '';
}

async function configOf(origin: string, name: string): Promise<{ manifest: string; config: string }> {
  const manifest = (await pull(origin, `/v2/${name}/manifests/latest`)).body.toString();
  const { digest } = (JSON.parse(manifest) as { config: { digest: string } }).config;
  return { manifest, config: (await request(origin, 'GET', `/v2/${name}/blobs/${digest}`)).body.toString() };
}

describe('two machines', () => {
  it('give the same digests for one package set', async () => {
    const here = { NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: await folder() };
    const there = { NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: await folder() };
    await using one = await startRegistry(here);
    await using other = await startRegistry(there, { nixFolder: await folder() });
    for (const name of ['hello', 'shell/git']) {
      assert.equal(await digestFrom(one.origin, name), await digestFrom(other.origin, name), name);
    }
    assert.equal(await digestFrom(one.origin, 'git/shell'), await digestFrom(other.origin, 'shell/git/git'));
  });

  it('give the same digests in other folders, for other users, and with other umasks, languages and time zones', async () => {
    const home = await folder();
    const copy = join(home, 'other name');
    await cp(fixturePackages, copy, { recursive: true });
    const nobody = 65_534;
    const [own, nixFolder] = [join(home, 'own'), await folder()];
    await mkdir(own);
    await run('chown', ['-R', String(nobody), own, nixFolder]);
    await Promise.all([scratch, home, copy].map((path) => chmod(path, 0o755)));
    const settings = { NIXERY_COMPRESSION: 'zlib', TZ: 'UTC', LANG: 'C' };
    await using one = await startRegistry({
      ...settings,
      NIXERY_PKGS_PATH: fixturePackages,
      STORAGE_PATH: await folder(),
    });
    await using other = await startRegistry(
      {
        ...{ ...settings, TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', HOME: own },
        ...{ NIXERY_PKGS_PATH: copy, STORAGE_PATH: join(own, 'store'), NODE_COMPILE_CACHE: join(own, 'cache') },
      },
      { nixFolder, uid: nobody, umask: '077' },
    );
    for (const name of NAMES) {
      const [there, here] = await Promise.all([other, one].map(({ origin }) => digestFrom(origin, name)));
      assert.equal(there, here, name);
    }
    const { manifest, config } = await configOf(one.origin, 'greet');
    for (const text of [manifest, config]) assert.doesNotMatch(text, /fixtures|\/tmp|\/root|localhost|127\.0/);
    assert.deepEqual(Object.keys((JSON.parse(config) as { config: { Labels: object } }).config.Labels), [
      'org.opencontainers.image.revision',
      'org.opencontainers.image.title',
    ]);
  });

  it('may share a folder: what one has made, the other serves', async () => {
    const env = { NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: await folder(), NIXERY_COMPRESSION: 'zlib' };
    await using one = await startRegistry(env);
    await using other = await startRegistry(env, { nixFolder: await folder() });
    const digest = await digestFrom(one.origin, 'greet/lib');
    assert.equal(await digestFrom(other.origin, 'greet/lib'), digest);
    assert.equal(other.log.filter((entry) => entry['message'] === 'image made').length, 0);
    // Known packages, in a new combination, on a machine where none of them is.
    assert.equal(await digestFrom(other.origin, 'greet'), await digestFrom(one.origin, 'greet'));
  });
});

describe('a registry under load', () => {
  it('gives whole bodies to 16 clients that ask for a tag and 16 that ask for its digest', async () => {
    await using registry = await startRegistry({
      NIXERY_PKGS_PATH: fixturePackages,
      STORAGE_PATH: await folder(),
      NIXERY_COMPRESSION: 'zlib',
    });
    const digest = await digestFrom(registry.origin, 'greet');
    const client = async (reference: string) => {
      for (let count = 0; count < 250; count++) {
        const { status, body } = await request(registry.origin, 'GET', `/v2/greet/manifests/${reference}`);
        assert.equal(status, 200);
        assert.equal(digestOfBytes(body), digest);
      }
    };
    await Promise.all(Array.from({ length: 32 }, (_, index) => client(index % 2 === 0 ? 'latest' : digest)));
  });

  it('packs a closure of 500 MB in 250 MB of memory', async (context) => {
    await using registry = await startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: await folder() });
    const image = await copyAndCheck(registry.host, 'python3/gcc/nodejs/postgresql/redis-server');
    const made = registry.log.find((entry) => entry['message'] === 'image made');
    const unpackedBytes = Number(made?.['packedUncompressedBytes']);
    assert.ok(unpackedBytes > 500e6, `the closure has ${unpackedBytes} bytes`);
    assert.ok(image.size > 100e6);
    const peakBytes = await registry.peakMemoryBytes();
    context.diagnostic(`${Math.round(peakBytes / 1e6)} MB`);
    assert.ok(peakBytes < 250e6, `${peakBytes} bytes were resident`);
  });
});

describe('a registry whose machine fails it', () => {
  it('does not start over a folder that cannot be written', async () => {
    const file = join(await folder(), 'file');
    await writeFile(file, '');
    await assert.rejects(
      startRegistry({
        NIXERY_PKGS_PATH: fixturePackages,
        STORAGE_PATH: join(file, 'store'),
        NIXERY_COMPRESSION: 'zlib',
      }),
      /ended with 1: nixery-run cannot start: .*cannot hold the store: .*not a folder/,
    );
  });

  it('does not start with a wrong configuration, and names every wrong variable', async () => {
    await assert.rejects(
      startRegistry({ NIX_TIMEOUT: 'long', NIXERY_COMPRESSION: 'rar' }),
      /cannot start: the configuration is wrong:[^]*NIX_TIMEOUT must[^]*NIXERY_COMPRESSION must/,
    );
  });

  it('serves nothing half-written when the disk is full, and the image once there is room', async () => {
    const disk = await folder();
    const store = join(disk, 'store');
    await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
    try {
      {
        await using registry = await startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: store });
        const { status, body } = await pull(registry.origin, '/v2/hello/manifests/latest');
        assert.equal(status, 503, body.toString());
        assert.match(body.toString(), /"UNAVAILABLE".*the store of this registry is full/);
        await emptied(join(store, 'uploads'));
        for (const blob of await readdir(join(store, 'layers'))) {
          const whole = await request(registry.origin, 'GET', `/v2/hello/blobs/sha256:${blob}`);
          assert.equal(digestOfBytes(whole.body), `sha256:${blob}`);
        }
        await run('mount', ['-o', 'remount,size=64m', disk]);
        await copyAndCheck(registry.host, 'hello');
      }
      assert.deepEqual(await readdir(join(store, 'uploads')), []);
    } finally {
      await run('umount', [disk]);
    }
  });

  it('ends a build that takes too long, and says so', async () => {
    await using registry = await startRegistry({
      NIXERY_PKGS_PATH: fixturePackages,
      STORAGE_PATH: await folder(),
      NIXERY_COMPRESSION: 'zlib',
      // Long enough for the next image on a busy machine.
      NIX_TIMEOUT: '10',
    });
    const { status, body } = await requestHeld(registry.origin, 'GET', '/v2/hangs/manifests/latest?build-failed=x');
    assert.equal(status, 422, body.toString());
    assert.match(body.toString(), /not ready within 10 s/);
    assert.equal(await digestFrom(registry.origin, 'greet').then((digest) => digest.length), 71);
  });
});

/**
 * Waits for a moment at which nothing is being written: the lease is given back and the build is recorded behind the
 * answer, and either takes a file for a moment.
 */
async function emptied(uploads: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if ((await readdir(uploads)).length === 0) return;
    await sleep(100);
  }
  assert.fail(`files stay in ${uploads}: ${(await readdir(uploads)).join(', ')}`);
}
