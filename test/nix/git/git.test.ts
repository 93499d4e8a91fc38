import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type AllowedCommits, channelSource, gitSource } from '../../../functions/nix/git/git.ts';
import { resolve } from '../../../functions/nix/resolve/resolve.ts';
import { SourceError } from '../../../functions/nix/source.ts';
import { gitRepository } from '../../support/git/repository.ts';
import { gitServer } from '../../support/git/server.ts';
import { nix } from '../../support/nix.ts';

let scratch: string;
before(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), 'nixery-git-')));
});
after(async () => {
  await rm(scratch, { recursive: true });
});

let count = 0;

/** A repository with six commits, of which a pull request alone has the last, and nothing of it cached. */
async function setUp() {
  const root = join(scratch, String(count++));
  await mkdir(root);
  const repository = await gitRepository(join(root, 'repository'));
  const commits: string[] = [];
  for (let index = 0; index < 6; index++) commits.push(await repository.commit(`change ${index}`));
  repository.git('checkout', '--quiet', '-b', 'proposal');
  const proposed = await repository.commit('proposed');
  repository.git('update-ref', 'refs/pull/1/head', proposed);
  repository.git('checkout', '--quiet', 'trunk');
  repository.git('branch', '--quiet', '-D', 'proposal');
  const cacheFolder = join(root, 'cache');
  const environment = { ...nix.environment, HOME: join(root, 'home') };
  const source = (options: { url?: string; commits?: AllowedCommits } = {}) =>
    gitSource(options.url ?? repository.url, { environment, cacheFolder, commits: options.commits });
  return { root, repository, commits, proposed, cacheFolder, environment, source };
}

/** Folders below another that git takes for repositories. */
async function repositoriesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter(({ name }) => name === 'HEAD').map(({ parentPath }) => parentPath);
}

/** What killed processes leave in a repository that they fetch into. */
async function leaveLocks(folder: string): Promise<void> {
  for (const name of ['shallow.lock', 'packed-refs.lock', 'config.lock', 'refs/heads/trunk.lock']) {
    await writeFile(join(folder, name), '');
  }
  await mkdir(join(folder, 'objects', 'pack'), { recursive: true });
  await writeFile(join(folder, 'objects', 'pack', 'tmp_pack_xxxxxx'), 'PACK');
}

const pinned = (revision: string | undefined) => ({ kind: 'pinned', revision });

/** A git that writes down when it begins and ends, and does what the real one does. */
async function countingGit(root: string) {
  const folder = join(root, 'bin');
  const list = join(root, 'gits');
  await mkdir(folder);
  const script = `#!/bin/sh
echo "+ $*" >>'${list}'
PATH=\${PATH#${folder}:} git "$@"
code=$?
echo - >>'${list}'
exit $code
`;
  await writeFile(join(folder, 'git'), script);
  await chmod(join(folder, 'git'), 0o755);
  return {
    path: `${folder}:${process.env['PATH'] ?? ''}`,
    async counts() {
      const lines = (await readFile(list, 'utf8')).trim().split('\n');
      let running = 0;
      let most = 0;
      for (const line of lines) {
        running += line.startsWith('+') ? 1 : -1;
        most = Math.max(most, running);
      }
      return { most, commands: lines.filter((line) => line.startsWith('+')) };
    },
  };
}

describe('commits of a git repository', () => {
  it('are found when six are asked for at once, twenty times', async () => {
    const { commits, cacheFolder, source } = await setUp();
    for (let round = 0; round < 20; round++) {
      await rm(cacheFolder, { recursive: true, force: true });
      // As two servers that share the folder.
      const sources = [source(), source()];
      const found = await Promise.all(commits.map((commit, index) => (sources[index % 2] ?? source()).pin(commit)));
      assert.deepEqual(found, commits.map(pinned), `round ${round}`);
    }
  });

  it('have their dates, also where the remote hands out none by themselves', async () => {
    const { root, repository, commits, proposed, cacheFolder, source } = await setUp();
    const asked = source();
    const madeAt = async (commit: string) => asked.madeAt?.(commit);
    const all = [...commits, proposed];
    assert.deepEqual(
      await Promise.all(all.map((commit) => madeAt(commit))),
      all.map((commit) => Number(repository.git('log', '-1', '--format=%ct', commit))),
    );
    await assert.rejects(madeAt('f'.repeat(40)), SourceError);
    // The version of the protocol before refuses what no branch or tag is at.
    const script = '#!/bin/sh\nPATH=${PATH#*:} exec git -c protocol.version=0 "$@"\n';
    await mkdir(join(root, 'old'));
    await writeFile(join(root, 'old', 'git'), script);
    await chmod(join(root, 'old', 'git'), 0o755);
    const environment = { ...nix.environment, PATH: `${join(root, 'old')}:${process.env['PATH'] ?? ''}` };
    const old = gitSource(repository.url, { environment, cacheFolder: `${cacheFolder}-old` });
    const [, second = ''] = commits;
    assert.equal(await old.madeAt?.(second), Number(repository.git('log', '-1', '--format=%ct', second)));
    await rename(repository.folder, join(root, 'away'));
    await assert.rejects(madeAt(second), SourceError);
  });

  it('are found after a fetch was killed', async () => {
    const { commits, cacheFolder, source } = await setUp();
    const [first = '', second = '', third = ''] = commits;
    await source().pin(first);
    const folders = await repositoriesIn(cacheFolder);
    assert.notEqual(folders.length, 0);
    for (const folder of folders) await leaveLocks(folder);
    assert.deepEqual(await source().pin(second), pinned(second));
    assert.deepEqual(await source().pin(third.slice(0, 10)), pinned(third));
    assert.deepEqual(
      (await Promise.all(folders.map((folder) => readdir(folder, { recursive: true }))))
        .flat()
        .filter((name) => name.endsWith('.lock') || basename(name).startsWith('tmp_')),
      [],
    );
  });

  it('are found by their abbreviations whatever was asked for before', async () => {
    const { repository, commits, source } = await setUp();
    const asked = source();
    await asked.pin(commits[4] ?? '');
    for (const commit of commits) assert.deepEqual(await asked.pin(commit.slice(0, 9)), pinned(commit));
    repository.git('config', 'uploadpack.allowFilter', 'true');
    const seventh = await repository.commit('seventh');
    await repository.commit('eighth');
    assert.deepEqual(await asked.pin(seventh), pinned(seventh));
    for (const commit of [...commits, seventh])
      assert.deepEqual(await source().pin(commit.slice(0, 9)), pinned(commit));
  });

  it('are found when what is kept of the repository is broken', async () => {
    const { commits, cacheFolder, source } = await setUp();
    const [first = '', second = '', third = ''] = commits;
    await source().pin(first);
    const files = await readdir(cacheFolder, { recursive: true });
    for (const name of files.filter((file) => file.endsWith('.pack'))) {
      await chmod(join(cacheFolder, name), 0o600);
      await truncate(join(cacheFolder, name), 20);
    }
    assert.deepEqual(await source().pin(second), pinned(second));
    for (const folder of await repositoriesIn(cacheFolder)) await writeFile(join(folder, 'config'), '[core');
    assert.deepEqual(await source().pin(third), pinned(third));
  });

  it('are unknown only when the remote says so', async () => {
    const { root, repository, commits, source } = await setUp();
    for (const rule of ['reachable', 'any'] as const) {
      const asked = source({ commits: rule });
      assert.equal((await asked.pin('f'.repeat(40))).kind, 'unknown');
      assert.equal((await asked.pin('fffffff')).kind, 'unknown');
      await rename(repository.folder, join(root, 'away'));
      for (const reference of ['f'.repeat(40), 'fffffff', commits[2] ?? '', 'trunk', 'latest']) {
        await assert.rejects(asked.pin(reference), SourceError);
      }
      await rename(join(root, 'away'), repository.folder);
      assert.deepEqual(await asked.pin(commits[2] ?? ''), pinned(commits[2]));
    }
  });

  it('are had only where a branch or a tag leads to them, and in words', async () => {
    const { repository, proposed, source } = await setUp();
    const refused = await source().pin(proposed);
    assert.ok(refused.kind === 'unknown');
    assert.match(
      refused.message,
      /no branch, tag or commit "\w+" that a branch or a tag leads to \(NIXERY_COMMITS=any /,
    );
    assert.equal((await source().pin(proposed.slice(0, 9))).kind, 'unknown');
    // What was handed out to another changes nothing.
    assert.deepEqual(await source({ commits: 'any' }).pin(proposed), pinned(proposed));
    assert.equal((await source().pin(proposed)).kind, 'unknown');
    repository.git('tag', 'accepted', proposed);
    await repository.commit('on top');
    assert.deepEqual(await source().pin(proposed), pinned(proposed));
    repository.git('tag', '-d', 'accepted');
    assert.equal((await source().pin(proposed)).kind, 'unknown');
  });

  it('ask few processes however many are asked for', async () => {
    const { root, commits, cacheFolder, environment, repository } = await setUp();
    const git = await countingGit(root);
    const source = gitSource(repository.url, { environment: { ...environment, PATH: git.path }, cacheFolder });
    const tags = Array.from({ length: 300 }, (_, index) => source.pin(`no-tag-${index}`));
    const unknown = Array.from({ length: 100 }, (_, index) => source.pin(sha1Of(index)));
    const known = commits.map((commit) => source.pin(commit));
    assert.equal((await Promise.all([...tags, ...unknown])).filter(({ kind }) => kind !== 'unknown').length, 0);
    assert.deepEqual(await Promise.all(known), commits.map(pinned));
    const { most, commands } = await git.counts();
    assert.equal(
      commands.filter((command) => command.startsWith('+ ls-remote')).length <= 2,
      true,
      commands.join('\n'),
    );
    assert.equal(commands.filter((command) => command.startsWith('+ fetch')).length <= 3, true, commands.join('\n'));
    assert.equal(most <= 2, true, String(most));
  });

  it('end their processes when nobody waits any more', async () => {
    const { root, cacheFolder, environment, commits } = await setUp();
    await using server = await gitServer(root);
    const source = gitSource(`${server.origin}/repository/.git`, { environment, cacheFolder });
    const { came, left } = server.stallAfter(0);
    const one = new AbortController();
    const asking = [source.pin('trunk', { signal: one.signal }), source.pin('latest', { signal: one.signal })];
    const outcomes = Promise.allSettled(asking);
    await came;
    one.abort();
    assert.deepEqual(
      (await outcomes).map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    await left;
    server.answerAgain();
    assert.deepEqual(await source.pin('trunk'), pinned(commits.at(-1)));
  });
});

function sha1Of(index: number): string {
  return createHash('sha1').update(String(index)).digest('hex');
}

describe('a password in the address of a repository', () => {
  const LOGIN = 'us%40er:pass%20w%C3%B6rt';
  const SECRETS = ['us@er', 'us%40er', 'pass wört', 'pass%20w', Buffer.from('us@er:pass wört').toString('base64')];

  it('is in no file, in no argument of git, and what is fetched with it is evaluated', async () => {
    const { root, repository, commits, cacheFolder, environment } = await setUp();
    await using server = await gitServer(root, 'us@er:pass wört');
    const git = await countingGit(root);
    const home = join(root, 'home');
    await mkdir(home);
    // A helper that keeps what it is told, as many people have one.
    await writeFile(join(home, '.gitconfig'), `[credential]\n\thelper = store --file ${home}/kept\n`);
    const url = `${server.origin.replace('://', `://${LOGIN}@`)}/repository/.git`;
    const env = { ...environment, PATH: git.path };
    for (const commitsRule of ['reachable', 'any'] as const) {
      const source = gitSource(url, { environment: env, cacheFolder, commits: commitsRule });
      assert.deepEqual(source.identity, { kind: 'git', url: `${server.origin}/repository/.git` });
      assert.deepEqual(await source.pin('latest'), pinned(commits.at(-1)));
      assert.deepEqual(await source.pin('trunk'), pinned(commits.at(-1)));
      assert.deepEqual(await source.pin(commits[1] ?? ''), pinned(commits[1]));
      assert.deepEqual(await source.pin((commits[2] ?? '').slice(0, 9)), pinned(commits[2]));
    }
    const source = gitSource(url, { environment: env, cacheFolder });
    const world = { ...nix, environment: env, fetchEnvironment: source.fetchEnvironment };
    const evaluate = async (commit: string) => {
      const request = { source: source.at(commit), system: 'x86_64-linux', attributes: ['greet'] } as const;
      return (await resolve(world, request)).map(({ kind }) => kind);
    };
    assert.deepEqual(await evaluate(commits[3] ?? ''), ['found']);

    // What a killed git leaves in Nix's own repository.
    const kept = (await repositoriesIn(home)).filter((folder) => /\/gitv\d+\//.test(folder));
    assert.equal(kept.length, 1);
    for (const folder of kept) await leaveLocks(folder);
    const later = await repository.commit('later');
    assert.deepEqual(await evaluate(later), ['found']);

    const files = await readdir(root, { recursive: true, withFileTypes: true });
    let read = 0;
    for (const file of files.filter((one) => one.isFile())) {
      const content = await readFile(join(file.parentPath, file.name));
      read++;
      for (const secret of SECRETS) {
        assert.ok(!content.includes(secret), `${secret} is in ${file.parentPath}/${file.name}`);
      }
    }
    assert.ok(read > 50, 'a mirror and a cache have been looked at');
    assert.ok((await git.counts()).commands.length > 5);
  });

  it('is not told to who is not asked for it, and is refused in words where it is wrong', async () => {
    const { root, cacheFolder, environment } = await setUp();
    await using server = await gitServer(root, 'us@er:another');
    const url = `${server.origin.replace('://', `://${LOGIN}@`)}/repository/.git`;
    const source = gitSource(url, { environment, cacheFolder });
    for (const reference of ['latest', 'trunk', 'f'.repeat(40)]) {
      await assert.rejects(source.pin(reference), (error) => {
        assert.ok(error instanceof SourceError);
        assert.match(error.message, /does not answer: .*Authentication failed/);
        for (const secret of SECRETS) assert.ok(!error.message.includes(secret));
        return true;
      });
    }
  });
});

describe('commits of nixpkgs', () => {
  it('are had where master or the configured channel leads to them, as far back as it is looked', async () => {
    const { repository, commits, proposed, cacheFolder, environment } = await setUp();
    const { git } = repository;
    git('branch', '--quiet', '-m', 'trunk', 'master');
    const committed = (text: string, date: string) => {
      const env = { ...process.env, GIT_COMMITTER_DATE: date };
      execFileSync(
        'git',
        [
          '-C',
          repository.folder,
          '-c',
          'user.name=t',
          '-c',
          'user.email=t@e.org',
          'commit',
          '-qm',
          text,
          '--allow-empty',
        ],
        { env },
      );
      return git('rev-parse', 'HEAD');
    };
    git('checkout', '--quiet', '--orphan', 'nixos-24.05');
    const old = committed('old', '2023-12-01T00:00:00Z');
    const released = committed('released', '2024-06-01T00:00:00Z');
    committed('the newest', '2024-07-01T00:00:00Z');
    git('checkout', '--quiet', '-b', 'nixos-other');
    const elsewhere = committed('elsewhere', '2026-01-01T00:00:00Z');
    const tip = committed('tip', '2026-01-02T00:00:00Z');
    git('checkout', '--quiet', 'master');
    const channel = (name: string, rule?: AllowedCommits) =>
      channelSource(
        name,
        { environment, cacheFolder, commits: rule, nowMs: () => Date.parse('2026-11-29T00:00:00Z') },
        { repositoryUrl: repository.url, archiveUrl: (commit) => `http://127.0.0.1:9/${commit}` },
      );
    const source = channel('nixos-24.05');
    assert.deepEqual(await source.pin(commits[1] ?? ''), pinned(commits[1]));
    assert.deepEqual(await source.pin((commits[1] ?? '').slice(0, 9)), pinned(commits[1]));
    assert.deepEqual(await source.pin(released), pinned(released));
    assert.deepEqual(await source.pin(tip), pinned(tip), 'a branch leads to itself');
    for (const refused of [proposed, elsewhere, old]) {
      const pin = await source.pin(refused);
      assert.ok(pin.kind === 'unknown');
      assert.match(
        pin.message,
        /that a branch or a tag leads to .*looked for in master or nixos-24\.05 since 2024-01-01/,
      );
      assert.deepEqual(await channel('nixos-24.05', 'any').pin(refused), pinned(refused));
    }
    // What the operator names is the operator's to choose.
    assert.deepEqual(await channel(proposed).pin('latest'), pinned(proposed));
    assert.equal((await channel(proposed).pin(elsewhere)).kind, 'unknown');
  });
});
