import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gitRepository } from '../support/git/repository.ts';
import { gitServer } from '../support/git/server.ts';
import { startRegistry } from '../support/service/registry-process.ts';
import { request } from '../support/http/request.ts';

let scratch: string;
before(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), 'nixery-package-source-')));
});
after(async () => {
  await rm(scratch, { recursive: true });
});

let count = 0;

/** A repository with six commits, and what a registry of it is configured with. */
async function setUp() {
  const root = join(scratch, String(count++));
  await mkdir(join(root, 'home'), { recursive: true });
  const repository = await gitRepository(join(root, 'repository'));
  const commits: string[] = [];
  for (let index = 0; index < 6; index++) commits.push(await repository.commit(`change ${index}`));
  const env = {
    NIXERY_PKGS_REPO: repository.url,
    STORAGE_PATH: join(root, 'store'),
    HOME: join(root, 'home'),
    NIXERY_COMPRESSION: 'zlib',
  };
  return { root, repository, commits, env };
}

describe('a registry of a git repository', () => {
  it('gives six commits that are asked for at once', async () => {
    const { commits, env } = await setUp();
    await using registry = await startRegistry(env);
    const answers = await Promise.all(
      commits.map((commit) => request(registry.origin, 'GET', `/v2/greet/manifests/${commit}?hop=9`)),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      commits.map(() => 200),
    );
  });

  it('dates images by their commits, so that they are the same wherever they are made', async () => {
    const { root, repository, commits, env } = await setUp();
    const [first = '', second = ''] = commits;
    const dateOf = (commit: string) => Number(repository.git('log', '-1', '--format=%ct', commit));
    const third = repository.git('commit-tree', `${second}^{tree}`, '-p', second, '-m', 'another date');
    repository.git('tag', 'dated', third);
    const digests: string[][] = [];
    for (const store of ['one', 'two']) {
      await using registry = await startRegistry({ ...env, STORAGE_PATH: join(root, store) });
      const pulled = [];
      for (const reference of [first, 'trunk', 'dated']) {
        const { status, headers, body } = await request(
          registry.origin,
          'GET',
          `/v2/greet/manifests/${reference}?hop=9`,
        );
        assert.equal(status, 200, body.toString());
        pulled.push(headers['docker-content-digest'] ?? '');
        const { config } = JSON.parse(body.toString()) as { config: { digest: string } };
        const blob = await request(registry.origin, 'GET', `/v2/greet/blobs/${config.digest}`);
        const said = JSON.parse(blob.body.toString()) as {
          created: string;
          history: { created: string }[];
          config: { Labels: Record<string, string> };
        };
        const { Labels: labels } = said.config;
        const commit = labels['org.opencontainers.image.revision'] ?? '';
        assert.equal(said.created, new Date(dateOf(commit) * 1000).toISOString().replace('.000Z', 'Z'));
        assert.equal(labels['org.opencontainers.image.created'], said.created);
        assert.deepEqual([...new Set(said.history.map(({ created }) => created))], [said.created]);
      }
      digests.push(pulled);
    }
    assert.deepEqual(digests[0], digests[1]);
    assert.equal(new Set(digests[0]).size, 3);
  });

  it('answers 429 to who asks for too much that is not there, and all the rest meanwhile', async () => {
    const { commits, env } = await setUp();
    await using registry = await startRegistry({ ...env, NIXERY_MAX_UNKNOWN_REFERENCES: '2' });
    const { origin } = registry;
    assert.equal((await request(origin, 'GET', '/v2/greet/manifests/latest?hop=9')).status, 200);
    const unknown = Array.from({ length: 400 }, (_, index) =>
      request(origin, 'GET', `/v2/greet/manifests/no-${index}`),
    );
    const meanwhile = ['/v2/', '/v2/greet/manifests/latest', `/v2/greet/manifests/${commits.at(-1) ?? ''}`];
    const others = await Promise.all(meanwhile.map((path) => request(origin, 'GET', path)));
    assert.deepEqual(
      others.map(({ status }) => status),
      [200, 200, 200],
    );
    const answers = await Promise.all(unknown);
    // Some more than two, since a budget is filled again while it is spent.
    const refused = answers.filter(({ status }) => status === 429);
    const unknownHere = answers.filter(({ status }) => status === 404);
    assert.equal(refused.length + unknownHere.length, 400);
    assert.ok(unknownHere.length >= 2);
    assert.ok(refused.length >= 350, String(refused.length));
    for (const { headers, body } of refused) {
      assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/);
      assert.match(body.toString(), /"TOOMANYREQUESTS".*as many references that are not there as you may/);
    }
    const paths = Array.from({ length: 50 }, (_, index) => `/api/search?q=greet&tag=nowhere-${index}`);
    const searched = await Promise.all(paths.map((path) => request(origin, 'GET', path)));
    const late = searched.filter(({ status }) => status === 429);
    assert.ok(late.length >= 30, String(late.length));
    for (const { headers } of late) assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/);
  });

  it('says when to ask again where the repository cannot be asked', async () => {
    const { repository, env } = await setUp();
    await using registry = await startRegistry(env);
    await rm(repository.folder, { recursive: true });
    for (const reference of ['latest', 'trunk', 'f'.repeat(40), 'fffffff']) {
      const { status, headers, body } = await request(registry.origin, 'GET', `/v2/greet/manifests/${reference}`);
      assert.deepEqual([status, headers['retry-after']], [503, '10']);
      assert.match(body.toString(), /"UNAVAILABLE".*does not answer/);
    }
  });

  it('finds commits after it was killed while it fetched them', async () => {
    const { root, repository, commits, env } = await setUp();
    await using server = await gitServer(root);
    const url = `${server.origin}/repository/.git`;
    const first = await startRegistry({ ...env, NIXERY_PKGS_REPO: url });
    // References are told (two requests), and told again (two more) before the commits are asked for.
    const { came } = server.stallAfter(4);
    const pull = request(first.origin, 'GET', `/v2/greet/manifests/${commits[0] ?? ''}`).catch(() => undefined);
    await came;
    await first.kill();
    await pull;
    server.answerAgain();
    await using second = await startRegistry({ ...env, NIXERY_PKGS_REPO: url });
    for (const reference of [commits[0] ?? '', (commits[1] ?? '').slice(0, 9)]) {
      const { status, body } = await request(second.origin, 'GET', `/v2/greet/manifests/${reference}?hop=9`);
      assert.equal(status, 200, body.toString());
    }
    assert.equal(repository.git('status', '--short'), '');
  });
});
