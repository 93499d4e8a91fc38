import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { execa } from 'execa';
import { parseCredentials } from '../../functions/access/credentials.ts';
import { Secret } from '../../functions/access/secret.ts';
import { type Digest, digestOfBytes } from '../../functions/oci/digest.ts';
import { type ListedImage, printImageList } from '../../infra/image-list.ts';
import { installedGcloud } from '../support/gcloud/known-flags.ts';
import type { ProjectState } from '../support/gcloud/commands.ts';
import { type ProjectDouble, startProject } from '../support/gcloud/project.ts';
import { projectFolder } from '../support/service/registry-process.ts';

const IMAGE = 'europe-west1-docker.pkg.dev/acme-images/nixery/nixery-run:current';
const TFVARS = 'project = "acme-images" # ours\nregion  = "europe-west1"\nteams = {}\n';

/** As the shared part leaves them, without versions. */
const empty = (): ProjectState['secrets'] => ({
  'nixery-payments-credentials': { team: 'payments', kind: 'credentials', versions: [] },
  'nixery-payments-smoke': { team: 'payments', kind: 'smoke', versions: [] },
});

/** The script in a checkout of its own, over a project. */
async function bootstrapIn(
  context: TestContext,
  state: Partial<ProjectState> = {},
  tfvars = TFVARS,
  digest: Digest | null = digestOfBytes('a base'),
) {
  const root = await mkdtemp(join(tmpdir(), 'bootstrap-'));
  const project = await startProject({ secrets: empty(), ...state });
  context.after(async () => {
    await project[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });
  await cp(join(projectFolder, 'infra/bootstrap.sh'), join(root, 'infra/bootstrap.sh'));
  const base = { name: 'debian', tag: 'stable', purpose: 'a base' };
  const image: ListedImage =
    digest === null ? { ...base, digest, renewed: null } : { ...base, digest, renewed: '2026-11-29' };
  await writeFile(join(root, 'infra/images.json'), printImageList([image]));
  await writeFile(join(root, '.gitignore'), 'infra/terraform.tfvars\n');
  const git = (...args: readonly string[]) =>
    execa('git', ['-C', root, '-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args]);
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '-m', 'first');
  if (tfvars !== '') await writeFile(join(root, 'infra/terraform.tfvars'), tfvars);
  const run = async (...args: readonly string[]) => {
    const options = { env: project.environment, reject: false, all: true, stdin: 'ignore' } as const;
    const { exitCode, all } = await execa(join(root, 'infra/bootstrap.sh'), args, options);
    return { exitCode, output: all };
  };
  return { root, project, run, commit: (await git('rev-parse', 'HEAD')).stdout };
}

const versionsOf = ({ state }: ProjectDouble, name: string) => state.secrets[name]?.versions ?? [];

describe('infra/bootstrap.sh', () => {
  it('makes the state, the shared part, credentials and the first image, in this order', async (context) => {
    const { project, run, commit } = await bootstrapIn(context);
    const { exitCode, output } = await run('-auto-approve');
    assert.equal(exitCode, 0, output);
    assert.match(output, /Now: terraform -chdir=infra apply/);
    const calls = project.calls;
    const order = [
      'gcloud services enable',
      'gcloud storage buckets create gs://acme-images-nixery-state --location=europe-west1 --uniform-bucket-level-access --public-access-prevention',
      'gcloud storage buckets update gs://acme-images-nixery-state --versioning',
      'terraform init -input=false -reconfigure -backend-config=bucket=acme-images-nixery-state',
      'terraform apply -target=module.foundation -auto-approve',
      'gcloud secrets versions add nixery-payments-smoke',
      'gcloud secrets versions add nixery-payments-credentials',
      'gcloud builds submit',
    ].map((beginning) => calls.findIndex((call) => call.startsWith(beginning)));
    assert.ok(!order.includes(-1), calls.join('\n'));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
      calls.join('\n'),
    );
    const submitted = calls.find((call) => call.startsWith('gcloud builds submit')) ?? '';
    assert.match(submitted, new RegExp(`_REGION=europe-west1,_COMMIT=${commit},_ROLLOUT=false`));
  });

  it('gives each team a user that the program takes, with a token that is in one secret alone', async (context) => {
    const { project, run } = await bootstrapIn(context);
    const { output } = await run();
    const [login = ''] = versionsOf(project, 'nixery-payments-smoke');
    const [file = ''] = versionsOf(project, 'nixery-payments-credentials');
    const [user = '', token = ''] = login.split(':');
    const password = new Secret(token);
    assert.deepEqual(parseCredentials(file).check({ user, password }, Date.now()), { kind: 'known' });
    assert.ok(file.includes(createHash('sha256').update(token).digest('hex')));
    for (const shown of [output, file, project.calls.join('\n')]) assert.ok(!shown.includes(token));
  });

  it('changes nothing the second time', async (context) => {
    const { project, run } = await bootstrapIn(context);
    await run();
    project.state.images.push(IMAGE);
    const before = structuredClone(project.state);
    const callsBefore = project.calls.length;
    assert.equal((await run()).exitCode, 0);
    assert.deepEqual(project.state, before);
    const again = project.calls.slice(callsBefore);
    assert.ok(!again.some((call) => /buckets create|versions add|builds submit/.test(call)), again.join('\n'));
  });

  it('leaves credentials alone that it cannot look at', async (context) => {
    const { project, run } = await bootstrapIn(context, {
      failing: ['secrets versions list nixery-payments-credentials'],
    });
    const { exitCode, output } = await run();
    assert.notEqual(exitCode, 0);
    assert.match(output, /PERMISSION_DENIED/);
    assert.deepEqual(versionsOf(project, 'nixery-payments-credentials'), []);
  });

  it('names the secrets that only a person can fill, and fails', async (context) => {
    const kinds = ['git-config', 'deploy-key', 'netrc', 'signing-key'];
    const { run } = await bootstrapIn(context, {
      secrets: Object.fromEntries(kinds.map((kind) => [`nixery-a-${kind}`, { team: 'a', kind, versions: [] }])),
    });
    const { exitCode, output } = await run();
    assert.equal(exitCode, 1);
    for (const kind of kinds) assert.match(output, new RegExp(`nixery-a-${kind}: `));
    assert.match(output, /gcloud secrets versions add NAME --data-file=FILE --project=acme-images/);
  });

  it('does not name an image by a commit that it was not made of', async (context) => {
    const { root, project, run } = await bootstrapIn(context);
    await writeFile(join(root, '.gitignore'), 'changed\n');
    const { exitCode, output } = await run();
    assert.equal(exitCode, 1);
    assert.match(output, /changes that are not committed/);
    assert.ok(!project.calls.some((call) => call.startsWith('gcloud builds submit')));
  });

  it('asks for terraform.tfvars with a project and a region, before it does anything', async (context) => {
    for (const [tfvars, message] of [
      ['', /no terraform.tfvars: copy terraform.tfvars.example/],
      ['region = "europe-west1"\n', /must set project and region/],
    ] as const) {
      const { project, run } = await bootstrapIn(context, {}, tfvars);
      const { exitCode, output } = await run();
      assert.equal(exitCode, 1);
      assert.match(output, message);
      assert.deepEqual(project.calls, []);
    }
  });

  it('does nothing while an image that builds start from is known by its tag alone', async (context) => {
    const { project, run, root } = await bootstrapIn(context, {}, TFVARS, null);
    const refused = await run();
    assert.equal(refused.exitCode, 1);
    assert.match(refused.output, /npm run images, and commit/);
    await rm(join(root, 'infra/images.json'));
    assert.equal((await run()).exitCode, 1);
    assert.deepEqual(project.calls, []);
  });

  it('calls gcloud as it can be called', async (context) => {
    const unknownTo = installedGcloud();
    if (unknownTo === undefined) {
      context.skip('gcloud is not installed: https://cloud.google.com/sdk/docs/install');
      return;
    }
    const { project, run } = await bootstrapIn(context);
    await run();
    const calls = project.calls.filter((call) => call.startsWith('gcloud '));
    assert.ok(calls.length > 8);
    assert.deepEqual(
      calls.map((call) => [call, unknownTo(call)]).filter(([, unknown]) => unknown?.length !== 0),
      [],
    );
    // A look that finds nothing is no look.
    assert.deepEqual(unknownTo('gcloud run services update x --image=y --no-trafic'), ['--no-trafic']);
  });
});
