import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../support/command.ts';
import { debianPackages } from '../support/debian.ts';
import { copyAndCheck } from '../support/clients/image-layout.ts';
import { fixturePackages } from '../support/nix.ts';
import { imagesMade, pullImage } from '../support/pulled-image.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { request } from '../support/http/request.ts';
import { scratchFolders } from '../support/scratch-folders.ts';

/** What a second pull, a second name and a second instance do not do again. */

const folder = scratchFolders();

const digestFrom = async (registry: RegistryProcess, name: string, reference?: string): Promise<string> =>
  (await pullImage(registry, name, reference)).digest;

describe('a new combination of known packages', () => {
  it('is composed by an instance that has no Nix, without a store path on its machine', async () => {
    const env = { NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: await folder() };
    await using builder = await startRegistry(env);
    await digestFrom(builder, 'shell/git');
    await digestFrom(builder, 'shell/jq');

    const programs = await folder();
    for (const program of ['unshare', 'mount', 'cat', 'mktemp', 'sh']) {
      await symlink((await run('which', [program])).trim(), join(programs, program));
    }
    await using composer = await startRegistry({ ...env, PATH: programs }, { nixFolder: await folder() });
    const digest = await digestFrom(composer, 'shell/git/jq');
    const [entry] = imagesMade(composer);
    assert.ok(entry !== undefined);
    assert.deepEqual([entry['evaluated'], entry['pathsPacked']], [0, 0]);
    // The same image as a machine with Nix makes of it, and every file is right.
    await using other = await startRegistry({ ...env, STORAGE_PATH: await folder() });
    assert.equal(await digestFrom(other, 'shell/git/jq'), digest);
    assert.equal((await copyAndCheck(composer.host, 'git/jq/shell')).digest, digest);
  });

  it('evaluates only the packages that are not known', async () => {
    const env = { NIXERY_PKGS_PATH: fixturePackages, STORAGE_PATH: await folder(), NIXERY_COMPRESSION: 'zlib' };
    await using registry = await startRegistry(env);
    await digestFrom(registry, 'greet');
    await digestFrom(registry, 'greet/lib');
    // The attributes that every image has (cacert, iana-etc) are not in this package set, which is remembered as well.
    assert.deepEqual(
      imagesMade(registry).map((entry) => entry['evaluated']),
      [3, 1],
    );
    assert.equal(imagesMade(registry)[1]?.['pathsPacked'], 0);
  });
});

describe('a moving tag', () => {
  it('is evaluated once, moves when its branch does, and the old commit still gives the old image', async () => {
    const repository = await folder();
    await cp(fixturePackages, repository, { recursive: true });
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
        encoding: 'utf8',
      }).trim();
    git('init', '--quiet', '--initial-branch=trunk');
    git('add', '.');
    git('commit', '--quiet', '-m', 'first');
    const first = git('rev-parse', 'HEAD');

    await using registry = await startRegistry({
      NIXERY_PKGS_REPO: `file://${repository}`,
      STORAGE_PATH: await folder(),
      NIXERY_COMPRESSION: 'zlib',
      NIXERY_PIN_SECONDS: '3',
    });
    const before = await digestFrom(registry, 'greet', 'trunk');
    assert.equal(await digestFrom(registry, 'greet', 'trunk'), before);
    assert.equal(imagesMade(registry).length, 1);

    await writeFile(join(repository, 'note'), 'a change');
    git('add', '.');
    git('commit', '--quiet', '-m', 'second');
    await sleep(3500);
    const after = await digestFrom(registry, 'greet', 'trunk');
    assert.notEqual(after, before);
    assert.equal(await digestFrom(registry, 'greet', first), before);
    assert.equal(await digestFrom(registry, 'greet', first.slice(0, 9)), before);
    assert.equal(await digestFrom(registry, 'greet', git('rev-parse', 'HEAD')), after);

    // The remote is gone: the tag is served as it was, and says so.
    await rm(repository, { recursive: true });
    await sleep(3500);
    const { status, headers } = await request(registry.origin, 'HEAD', '/v2/greet/manifests/trunk');
    assert.equal(status, 200);
    assert.match(headers['warning'] ?? '', /^299 - ".*does not answer/);
    const unknown = await request(registry.origin, 'GET', '/v2/greet/manifests/never');
    assert.equal(unknown.status, 503);
    assert.match(unknown.body.toString(), /does not answer/);
  });
});

describe('many who ask at once', () => {
  it('share one evaluation, one build and one pack of each path', async () => {
    await using registry = await startRegistry({
      NIXERY_PKGS_PATH: fixturePackages,
      STORAGE_PATH: await folder(),
      NIXERY_COMPRESSION: 'zlib',
    });
    const digests = await Promise.all(Array.from({ length: 50 }, () => digestFrom(registry, 'greet/lib/several')));
    assert.equal(new Set(digests).size, 1);
    assert.equal(imagesMade(registry).length, 1);
  });
});
