import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { execa } from 'execa';
import { parseConfig } from '../../functions/config/config.ts';
import { gitSource } from '../../functions/nix/git/git.ts';
import { LATEST } from '../../functions/nix/source.ts';
import { smokePull } from '../../infra/smoke.ts';
import { environmentOf, startBucket } from '../support/bucket/server.ts';
import { writeCredentials } from '../support/credentials.ts';
import { fixturePackages } from '../support/nix.ts';
import { projectFolder, startRegistry } from '../support/service/registry-process.ts';
import { environmentIn } from '../support/terraform/team-state.ts';
import { openTerraform, whyNoTerraform } from '../support/terraform/terraform.ts';
import { readTestRuns } from '../support/terraform/test-run.ts';

const skip = (await whyNoTerraform()) ?? false;
const TOKEN = 'a token of the smoke test';

/** The variables of each team's service, as the tests of `infra/` with two teams leave them. */
async function readEnvironments(): Promise<Map<string, Map<string, string>>> {
  await using terraform = await openTerraform();
  const { output } = await terraform.run(['test', '-json', '-verbose', '-filter=tests/two-teams.tftest.hcl']);
  const services = readTestRuns(output)[0]?.resources.filter(({ type }) => type === 'google_cloud_run_v2_service');
  return new Map(services?.map(({ values }) => [(values['labels'] as { team: string }).team, environmentIn(values)]));
}

describe('the program as Terraform configures it', { skip }, () => {
  let environments: Map<string, Map<string, string>>;
  let scratch: string;
  before(async () => {
    environments = await readEnvironments();
    scratch = await mkdtemp(join(tmpdir(), 'deployed-'));
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  it('knows every variable that is set for it', async () => {
    const names = new Set([...environments.values()].flatMap((env) => [...env.keys()]));
    assert.ok(names.has('BUCKET') && names.has('NIXERY_CREDENTIALS'));
    const files = await readdir(join(projectFolder, 'functions'), { recursive: true });
    const sources = await Promise.all(
      files
        .filter((file) => file.endsWith('.ts'))
        .map((file) => readFile(join(projectFolder, 'functions', file), 'utf8')),
    );
    const program = sources.join('\n');
    const unknown = [...names].filter((name) => !new RegExp(`\\b${name}\\b`).test(program));
    assert.deepEqual(unknown, []);
  });

  it('is told which commits a team lets be pulled', () => {
    const commits = ['payments', 'research'].map((team) => environments.get(team)?.get('NIXERY_COMMITS'));
    assert.deepEqual(commits, ['reachable', 'any']);
  });

  it('is told which platforms a name stands for', () => {
    const platforms = ['payments', 'research'].map((team) => environments.get(team)?.get('NIXERY_PLATFORMS'));
    assert.deepEqual(platforms, ['linux/amd64,linux/arm64', 'linux/amd64']);
  });

  it('starts over the bucket, refuses strangers and passes the smoke test of a rollout', async () => {
    const env = Object.fromEntries(environments.get('payments') ?? []);
    const { BUCKET: bucket = '', NIXERY_CREDENTIALS: credentials = '' } = env;
    assert.equal(bucket, 'acme-images-nixery-payments');
    await using double = await startBucket({ bucket });
    // Where there is no Secret Manager, no repository and no volume, there are folders.
    const mounted = (path: string) => join(scratch, path);
    await mkdir(dirname(mounted(credentials)), { recursive: true });
    await writeCredentials(mounted(credentials), { smoke: [{ token: TOKEN }] });
    await using registry = await startRegistry({
      ...env,
      ...environmentOf(double),
      GCS_SIGNING_ACCOUNT: double.account,
      NIXERY_CREDENTIALS: mounted(credentials),
      NIXERY_STORE_LIMIT_MB: '',
      NIXERY_PKGS_REPO: '',
      NIXERY_PKGS_PATH: fixturePackages,
    });
    const signal = AbortSignal.timeout(60_000);
    const { blobs } = await smokePull({ endpoint: registry.origin, image: 'greet', login: `smoke:${TOKEN}`, signal });
    assert.ok(blobs >= 2);
    // Layers came from the bucket, by URLs that it verified.
    assert.ok(double.requests.some(({ target, status }) => target.includes('X-Goog-Signature=') && status === 200));
    assert.ok(double.requests.some(({ target }) => target.includes(':signBlob')));
  });

  it('reaches a repository over ssh with the mounted key, and believes no host but the one that is named', async () => {
    const repository = join(scratch, 'repository');
    const git = async (...args: readonly string[]) =>
      (await execa('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', '-C', repository, ...args])).stdout;
    await mkdir(repository);
    await git('init', '--quiet');
    await git('commit', '--quiet', '--allow-empty', '-m', 'first');
    // An ssh that writes down how it was called, and is at the other end already.
    const bin = join(scratch, 'bin');
    await mkdir(bin);
    const ssh = `#!/bin/sh\nprintf '%s\\n' "$@" >'${scratch}/arguments'\nexec git-upload-pack '${repository}'\n`;
    await writeFile(join(bin, 'ssh'), ssh);
    await chmod(join(bin, 'ssh'), 0o755);

    const env = {
      ...Object.fromEntries(environments.get('research') ?? []),
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    };
    // The mock's account has no address.
    Object.assign(env, { GCS_SIGNING_ACCOUNT: 'nixery-research@acme-images.iam.gserviceaccount.com' });
    const { nix, packages } = parseConfig(env, { programFolder: projectFolder, terminal: false });
    assert.ok(packages.kind === 'git');
    const source = gitSource(packages.url, { environment: nix.environment, cacheFolder: join(scratch, 'cache') });
    assert.deepEqual(await source.pin(LATEST), { kind: 'pinned', revision: await git('rev-parse', 'HEAD') });

    const said = (await readFile(join(scratch, 'arguments'), 'utf8')).split('\n');
    const known = /^KnownHostsCommand=\/usr\/bin\/echo %H ssh-ed25519 [A-Za-z0-9+/]+$/;
    assert.deepEqual(said.slice(0, 2), ['-i', '/secrets/deploy-key/key']);
    assert.ok(said.some((argument) => known.test(argument)) && said.includes('StrictHostKeyChecking=yes'));
    assert.ok(said.includes('git@git.example.com'));
  });
});
