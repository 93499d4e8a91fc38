import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { addCommits } from '../support/git/long-history.ts';
import { gitRepository, type GitRepository } from '../support/git/repository.ts';
import { pull, request } from '../support/http/request.ts';
import { imagesMade } from '../support/pulled-image.ts';
import { pullLine } from '../support/service/pull-lines.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';

/** What can be pulled of a name, for what deploys images. */

const COMMITS = 3_000;
const FIRST_S = 1_700_000_000;

let scratch: string;
let repository: GitRepository;
let registry: RegistryProcess;
before(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), 'nixery-tags-')));
  await mkdir(join(scratch, 'home'));
  repository = await gitRepository(join(scratch, 'repository'));
  await repository.commit('the first');
  repository.git('tag', 'v1');
  repository.git('branch', 'side');
  repository.git('branch', 'with/slash');
  addCommits(repository, COMMITS, FIRST_S);
  registry = await startRegistry({
    NIXERY_PKGS_REPO: repository.url,
    STORAGE_PATH: join(scratch, 'store'),
    HOME: join(scratch, 'home'),
    NIXERY_COMPRESSION: 'zlib',
    NIXERY_PIN_SECONDS: '1',
  });
});
after(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

async function listed(query = '', name = 'greet'): Promise<{ tags: string[]; link: string | undefined }> {
  const { status, headers, body } = await request(registry.origin, 'GET', `/v2/${name}/tags/list${query}`);
  assert.equal(status, 200, body.toString());
  return { tags: (JSON.parse(body.toString()) as { tags: string[] }).tags, link: headers['link'] };
}

const commitAt = (reference: string) => repository.git('rev-parse', reference);
const tagOf = (commit: string) => `trunk-${repository.git('log', '-1', '--format=%ct', commit)}-${commit.slice(0, 12)}`;

/** The newest as Flux has it: ImagePolicy with `filterTags` (pattern, extract) and `policy: numerical: order: asc`. */
function newestOfFlux(tags: readonly string[], pattern: RegExp): string | undefined {
  const extracted = tags.flatMap((tag) => {
    const ts = pattern.exec(tag)?.groups?.['ts'];
    return ts === undefined ? [] : [{ tag, number: Number(ts) }];
  });
  const most = Math.max(...extracted.map(({ number }) => number));
  const newest = extracted.filter(({ number }) => number === most);
  assert.equal(newest.length, 1, 'no two are as new');
  return newest[0]?.tag;
}

/** The newest as Renovate has it: `versioning: regex:...`, of which `major`, `minor` and `patch` are compared as numbers. */
function newestOfRenovate(tags: readonly string[], versioning: RegExp): string | undefined {
  const versions = tags.flatMap((tag) => {
    const groups = versioning.exec(tag)?.groups;
    return groups === undefined
      ? []
      : [{ tag, release: ['major', 'minor', 'patch'].map((one) => Number(groups[one] ?? 0)) }];
  });
  const compare = (a: readonly number[], b: readonly number[]): number => {
    const at = a.findIndex((number, index) => number !== b[index]);
    return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
  };
  return versions.toSorted((a, b) => compare(a.release, b.release)).at(-1)?.tag;
}

describe('tags/list of a git repository', () => {
  it('has its branches and tags, and a tag for each of the last commits, of a name that nobody pulled', async () => {
    const { tags, link } = await listed();
    assert.deepEqual(tags, tags.toSorted(), 'in byte order');
    assert.equal(link, undefined);
    const dated = tags.filter((tag) => tag.startsWith('trunk-'));
    assert.deepEqual(
      tags.filter((tag) => !tag.startsWith('trunk-')),
      ['latest', 'side', 'trunk', 'v1'],
    );
    const last = repository.git('rev-list', '--max-count=100', 'trunk').split('\n');
    assert.deepEqual(dated, last.map(tagOf).toSorted());
    assert.equal(imagesMade(registry).length, 0, 'nothing is made for it');
    const paged: string[] = [];
    for (let query = '?n=17'; ;) {
      const page = await listed(query);
      paged.push(...page.tags);
      const next = /tags\/list(\?[^>]*)>; rel="next"$/.exec(page.link ?? '')?.[1];
      if (next === undefined) break;
      query = next;
    }
    assert.deepEqual(paged, tags);
  });

  it('lets what deploys images pick the newest commit', async () => {
    const { tags } = await listed();
    const newest = tagOf(commitAt('trunk'));
    assert.equal(newestOfFlux(tags, /^trunk-(?<ts>[0-9]+)-[a-f0-9]+$/), newest);
    assert.equal(newestOfRenovate(tags, /^trunk-(?<major>\d+)-[a-f0-9]+$/), newest);
    const { status, body } = await pull(registry.origin, `/v2/greet/manifests/${newest}`);
    assert.equal(status, 200, body.toString());
    assert.equal((await pullLine(registry, 'greet', { reference: newest }))['revision'], commitAt('trunk'));
  });

  it('has tags that mean their commits, also when they are not listed any more, and nothing else', async () => {
    const old = commitAt('trunk~2000');
    const meant = await pull(registry.origin, `/v2/greet/manifests/${tagOf(old)}`);
    assert.equal(meant.status, 200, meant.body.toString());
    assert.equal((await pullLine(registry, 'greet', { reference: tagOf(old) }))['revision'], old);
    const [time, short] = [FIRST_S, commitAt('trunk').slice(0, 12)];
    for (const wrong of [
      `trunk-${time}-${short}`,
      tagOf(old).replace('trunk', 'side'),
      `trunk-${time}-${'f'.repeat(12)}`,
    ]) {
      const { status } = await pull(registry.origin, `/v2/greet/manifests/${wrong}`);
      assert.equal(status, 404, wrong);
    }
  });

  it('has a commit soon after it was made, and what is known when the repository does not answer', async () => {
    const before = await listed();
    const commit = await repository.commit('the next');
    await sleep(1_100);
    const { tags } = await listed();
    assert.ok(tags.includes(tagOf(commit)));
    assert.ok(!before.tags.includes(tagOf(commit)));
    await sleep(1_100);
    await rename(repository.folder, join(scratch, 'away'));
    assert.deepEqual(await listed(), { tags, link: undefined });
    await rename(join(scratch, 'away'), repository.folder);
  });

  it('is 404 for a name whose packages do not exist, and 400 for one that is none', async () => {
    for (const [name, status] of [
      ['nothing-like-it', 404],
      ['greet/nothing-like-it', 404],
      ['arm64', 400],
    ] as const) {
      const answer = await request(registry.origin, 'GET', `/v2/${name}/tags/list`);
      assert.equal(answer.status, status);
      if (status === 404) assert.match(answer.body.toString(), /NAME_UNKNOWN.*there is no package nothing-like-it/);
    }
  });
});
