import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { cp, mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { folderRevision } from '../../functions/nix/folder-revision.ts';
import { folderSource } from '../../functions/nix/folder-source.ts';
import { channelSource, gitSource } from '../../functions/nix/git/git.ts';
import { resolve } from '../../functions/nix/resolve/resolve.ts';
import { type PackageSource, SourceError } from '../../functions/nix/source.ts';
import { fixturePackages, nix } from '../support/nix.ts';

let scratch: string;
before(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), 'nixery-sources-')));
});
after(async () => {
  await rm(scratch, { recursive: true });
});

/** A git repository that holds the small packages, with two commits, a branch and a tag. */
async function makeRepository(name: string) {
  const folder = join(scratch, name);
  await cp(fixturePackages, folder, { recursive: true });
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      encoding: 'utf8',
    }).trim();
  git('init', '--quiet', '--initial-branch=trunk');
  git('add', '.');
  git('commit', '--quiet', '-m', 'first');
  const first = git('rev-parse', 'HEAD');
  git('tag', '-a', 'v1', '-m', 'annotated');
  git('checkout', '--quiet', '-b', 'nixos-old');
  git('checkout', '--quiet', 'trunk');
  const commit = async (text: string) => {
    await writeFile(join(folder, 'note'), text);
    git('add', '.');
    git('commit', '--quiet', '-m', text);
    return git('rev-parse', 'HEAD');
  };
  return { url: `file://${folder}`, folder, git, first, second: await commit('second'), commit };
}

const options = () => ({ environment: nix.environment, cacheFolder: join(scratch, 'cache') });

async function revisionOf(source: PackageSource, reference: string): Promise<string | undefined> {
  const pin = await source.pin(reference);
  return pin.kind === 'pinned' ? pin.revision : undefined;
}

async function kindsAt(source: PackageSource, revision: string) {
  const found = await resolve(nix, {
    source: source.at(revision),
    system: 'x86_64-linux',
    attributes: ['greet', 'nothing'],
  });
  return found.map(({ kind }) => kind);
}

describe('a git repository as a package source', () => {
  it('pins branches, tags, commits and abbreviated commits', async () => {
    const { url, first, second } = await makeRepository('a');
    const source = gitSource(url, options());
    assert.equal(await revisionOf(source, 'latest'), second);
    assert.equal(await revisionOf(source, 'trunk'), second);
    assert.equal(await revisionOf(source, 'nixos-old'), first);
    assert.equal(await revisionOf(source, 'v1'), first);
    assert.equal(await revisionOf(source, first), first);
    assert.equal(await revisionOf(source, first.slice(0, 8)), first);
    assert.equal(await revisionOf(source, second.slice(0, 12)), second);
  });

  it('does not know other references', async () => {
    const source = gitSource((await makeRepository('b')).url, options());
    for (const reference of ['no-branch', 'f'.repeat(40), 'fffffff']) {
      const pin = await source.pin(reference);
      assert.ok(pin.kind === 'unknown', reference);
      assert.match(pin.message, new RegExp(`no branch, tag or commit "${reference}"`));
    }
  });

  it('sees a push', async () => {
    const { url, commit } = await makeRepository('c');
    const source = gitSource(url, options());
    const before = await revisionOf(source, 'latest');
    const third = await commit('third');
    assert.notEqual(before, third);
    assert.equal(await revisionOf(source, 'latest'), third);
  });

  it('is evaluated at the revision that was pinned', async () => {
    const { url, first, git, folder } = await makeRepository('d');
    await writeFile(join(folder, 'default.nix'), '{ ... }: { nothing = 1; }');
    git('commit', '--quiet', '-a', '-m', 'another set');
    const source = gitSource(url, options());
    assert.deepEqual(await kindsAt(source, first), ['found', 'not-found']);
    assert.deepEqual(await kindsAt(source, (await revisionOf(source, 'latest')) ?? ''), ['not-found', 'not-a-package']);
  });

  it('says that it does not answer, without the password', async () => {
    const source = gitSource('http://user:geheim@127.0.0.1:9/none.git', options());
    assert.doesNotMatch(source.description, /geheim/);
    await assert.rejects(source.pin('latest'), (error) => {
      assert.ok(error instanceof SourceError);
      assert.match(error.message, /127\.0\.0\.1:9\/none\.git does not answer/);
      assert.doesNotMatch(error.message, /geheim/);
      return true;
    });
  });
});

describe('a channel as a package source', () => {
  it('is a branch of the repository, and its packages come in an archive of the commit', async () => {
    const { url, folder, first, second, git } = await makeRepository('nixpkgs');
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const commit = /^\/archive\/([0-9a-f]{40})\.tar\.gz$/.exec(request.url ?? '')?.[1] ?? '';
      const file = join(scratch, `${commit}.tar.gz`);
      git('archive', '--format=tar.gz', `--prefix=nixpkgs-${commit}/`, `--output=${file}`, commit);
      createReadStream(file).pipe(response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const address = server.address();
      assert.ok(typeof address === 'object' && address !== null);
      const archiveUrl = (commit: string) => `http://127.0.0.1:${address.port}/archive/${commit}.tar.gz`;
      const source = channelSource('nixos-old', options(), { repositoryUrl: url, archiveUrl });
      assert.equal(await revisionOf(source, 'latest'), first);
      assert.equal(await revisionOf(source, 'nixos-old'), first);
      git('branch', '--quiet', 'master');
      assert.equal(await revisionOf(source, 'master'), second);
      assert.equal(await revisionOf(source, second), second);
      assert.equal(await revisionOf(source, 'nixos-99.99'), undefined);
      assert.equal(await revisionOf(source, 'f'.repeat(40)), undefined);
      assert.deepEqual(await kindsAt(source, first), ['found', 'not-found']);
      assert.deepEqual(asked, [`/archive/${first}.tar.gz`]);
    } finally {
      server.close();
      await rm(folder, { recursive: true });
    }
  });
});

describe('a folder as a package source', () => {
  it('has the hash of its content as its revision, and no other', async () => {
    const folder = join(scratch, 'plain');
    await cp(fixturePackages, folder, { recursive: true });
    const source = await folderSource(folder);
    const revision = await folderRevision(folder);
    assert.match(revision, /^[0-9a-f]{40}$/);
    assert.equal(await revisionOf(source, 'latest'), revision);
    assert.equal(await revisionOf(source, revision), revision);
    assert.equal(await revisionOf(source, 'nixos-25.11'), undefined);
    await writeFile(join(folder, 'more.nix'), '{ }');
    assert.notEqual(await revisionOf(source, 'latest'), revision);
    await assert.rejects(source.confirm(revision), /was changed while it was evaluated/);
    assert.equal(await revisionOf(source, revision), undefined);
  });

  it('may hold several revisions, of which the link latest chooses one', async () => {
    const folder = join(scratch, 'revisions');
    await mkdir(folder);
    const add = async (more: string) => {
      await cp(fixturePackages, join(folder, 'new'), { recursive: true });
      await writeFile(join(folder, 'new', 'more'), more);
      const revision = await folderRevision(join(folder, 'new'));
      await rename(join(folder, 'new'), join(folder, revision));
      await rm(join(folder, 'latest'), { force: true });
      await symlink(revision, join(folder, 'latest'));
      return revision;
    };
    const first = await add('1');
    const source = await folderSource(folder);
    assert.equal(await revisionOf(source, 'latest'), first);
    const second = await add('2');
    assert.equal(await revisionOf(source, 'latest'), second);
    assert.equal(await revisionOf(source, first), first);
    assert.equal(await revisionOf(source, 'f'.repeat(40)), undefined);
    assert.equal(await revisionOf(source, '..'), undefined);
    assert.deepEqual(await kindsAt(source, first), ['found', 'not-found']);
    await writeFile(join(folder, second, 'more'), 'another');
    await assert.rejects((await folderSource(folder)).pin('latest'), /was changed/);
  });

  it('is refused when it is not there or holds no package set', async () => {
    await assert.rejects(folderSource(join(scratch, 'missing')), /cannot open the package folder/);
    await mkdir(join(scratch, 'empty'));
    await assert.rejects(folderSource(join(scratch, 'empty')), /no default\.nix/);
  });
});
