import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { execa } from 'execa';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { fixturePackages } from '../support/nix.ts';
import { projectFolder, type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { request, requestHeld } from '../support/http/request.ts';

/** The commands as a person runs them, beside two instances that serve from one folder. */

let scratch: string;
let one: RegistryProcess;
let other: RegistryProcess;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-commands-'));
  const env = { NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: scratch, NIXERY_COMPRESSION: 'zlib' };
  one = await startRegistry(env);
  other = await startRegistry(env);
});
after(async () => {
  await one[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

async function command(name: 'purge' | 'verify', ...args: readonly string[]) {
  const program = `${projectFolder}functions/commands/${name}.ts`;
  const env = { PATH: process.env['PATH'], STORAGE_PATH: scratch };
  const { exitCode, all } = await execa(process.execPath, [program, ...args], {
    env,
    extendEnv: false,
    all: true,
    reject: false,
  });
  return { exitCode, printed: all };
}

interface Manifest {
  config: { digest: string };
  layers: { digest: string }[];
}

/** Pulls as clients do: the tag, then its digest, then its blobs. Gives the first status that is not 200. */
async function pull({ origin }: RegistryProcess, name: string): Promise<{ status: number; digest: string }> {
  const { status, headers, body } = await requestHeld(origin, 'GET', `/v2/${name}/manifests/latest`);
  const digest = headers['docker-content-digest'] ?? '';
  if (status !== 200) return { status, digest };
  const { config, layers } = JSON.parse(body.toString()) as Manifest;
  const blobs = [config, ...layers].map((blob) => blob.digest);
  for (const path of [`manifests/${digest}`, ...blobs.map((blob) => `blobs/${blob}`)]) {
    const part = await request(origin, 'GET', `/v2/${name}/${path}`);
    if (part.status !== 200) return { status: part.status, digest };
    assert.equal(digestOfBytes(part.body), path.split('/')[1]);
  }
  return { status: 200, digest };
}

const made = ({ log }: RegistryProcess) => log.filter(({ message }) => message === 'image made').length;

describe('npm run purge', () => {
  it('removes an image that two instances serve from memory; each makes it anew after one pull that fails', async () => {
    const first = await pull(one, 'greet/lib');
    assert.deepEqual(await pull(other, 'greet/lib'), first);
    await pull(one, 'greet');
    const before = made(one) + made(other);

    const { exitCode, printed } = await command('purge', 'lib/greet');
    assert.equal(exitCode, 0, printed);
    assert.match(printed, /images 1, objects \d+/);
    assert.deepEqual(await readdir(join(scratch, 'images')).then((names) => names.length), 2);

    const statuses = [(await pull(one, 'greet/lib')).status, (await pull(one, 'greet/lib')).status];
    assert.deepEqual(statuses, [404, 200]);
    assert.deepEqual(await pull(other, 'greet/lib'), first, 'the other finds what the first has made');
    assert.equal(made(one) + made(other), before + 1);
    assert.equal((await pull(one, 'greet')).status, 200);
    assert.equal((await command('verify', '--deep')).exitCode, 0);
  });

  it('with --packed has a package packed anew', async () => {
    await pull(one, 'capital/greet');
    await pull(one, 'capital/lib');
    await command('purge', '--packed', 'capital');
    for (const name of ['capital/greet', 'capital/lib']) {
      assert.deepEqual([(await pull(one, name)).status, (await pull(one, name)).status], [404, 200]);
    }
    const packed = one.log.filter(({ message }) => message === 'image made').slice(-2);
    assert.deepEqual(
      packed.map(({ pathsPacked }) => pathsPacked),
      [1, 0],
    );
  });

  for (const [args, exitCode, text] of [
    [[], 2, /name one image.*\n\nnpm run purge -- /],
    [['Greet'], 2, /no image's name/],
    [['--everything', 'greet'], 2, /Unknown option '--everything'/],
    [['never-pulled'], 1, /has no image for never-pulled/],
    [['f'.repeat(40)], 1, /has no image/],
  ] as const) {
    it(`says why it cannot do ${args.join(' ') || 'nothing at all'}`, async () => {
      const { printed, ...ended } = await command('purge', ...args);
      assert.match(printed, text);
      assert.equal(ended.exitCode, exitCode);
    });
  }
});

describe('npm run verify', () => {
  it('finds a layer that was changed; with --fix the next pull makes it again', async () => {
    const { digest } = await pull(one, '9lives');
    const manifest = JSON.parse(
      (await request(one.origin, 'GET', `/v2/9lives/manifests/${digest}`)).body.toString(),
    ) as Manifest;
    const layer = manifest.layers[0]?.digest.slice('sha256:'.length) ?? '';
    await writeFile(join(scratch, 'layers', layer), 'x');
    const found = await command('verify');
    assert.equal(found.exitCode, 1, found.printed);
    assert.match(found.printed, new RegExp(`images/.*${layer} has 1 bytes`));

    const fixed = await command('verify', '--fix', '--deep');
    assert.equal(fixed.exitCode, 1);
    assert.match(fixed.printed, /3 problems, 3 removed/);
    assert.equal((await command('verify', '--deep')).exitCode, 0);
    assert.deepEqual([(await pull(one, '9lives')).status, (await pull(one, '9lives')).status], [404, 200]);
  });

  it('refuses an option that it does not know', async () => {
    const { exitCode, printed } = await command('verify', '--quickly');
    assert.equal(exitCode, 2, printed);
    assert.match(printed, /Unknown option '--quickly'/);
  });
});
