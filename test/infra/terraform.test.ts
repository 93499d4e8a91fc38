import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bucketClient } from '../../functions/storage/gcs/client.ts';
import { BucketUnusableError, checkBucket } from '../../functions/storage/gcs/start.ts';
import { objectKey } from '../../functions/storage/object-key.ts';
import { keylessSigner } from '../../functions/storage/gcs/keyless-signer.ts';
import { SigningError } from '../../functions/storage/url-signer.ts';
import { GET_ACCESS_TOKEN, OBJECT_USER, SIGN_BLOB } from '../support/bucket/access.ts';
import { type BucketDouble, environmentOf, startBucket } from '../support/bucket/server.ts';
import { openTerraform, type Terraform, whyNoTerraform } from '../support/terraform/terraform.ts';
import { environmentIn, onWhat, rulesIn, templateIn, text } from '../support/terraform/team-state.ts';
import { readTestRuns, type StateResource, type TestRun } from '../support/terraform/test-run.ts';

const TEAMS = ['payments', 'research'] as const;
const skip = (await whyNoTerraform()) ?? false;

/** What Google's own roles allow of what the program does, each on what it is granted for. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  'roles/storage.objectUser': OBJECT_USER,
  'roles/iam.serviceAccountTokenCreator': [SIGN_BLOB, GET_ACCESS_TOKEN],
};

describe('infra/', { skip }, () => {
  let terraform: Terraform;
  let runs: TestRun[];

  before(async () => {
    terraform = await openTerraform();
    runs = readTestRuns((await terraform.run(['test', '-json', '-verbose'])).output);
  });
  after(() => terraform[Symbol.asyncDispose]());

  /** The grants to an account, as role and on what, in order. */
  function grantsTo(member: unknown): string[] {
    const { resources } = twoTeams();
    const grants = resources.filter(({ type, values }) => type.includes('_iam_') && values['member'] === member);
    return grants.map(({ values }) => `${text(values['role'])} on ${text(onWhat(values))}`).sort();
  }

  function twoTeams(): TestRun {
    const run = runs.find(({ name }) => name === 'each_team_has_a_bucket_an_account_and_a_service_of_its_own');
    assert.ok(run);
    return run;
  }

  function ofType(type: string): StateResource[] {
    const found = twoTeams().resources.filter((resource) => resource.type === type);
    assert.notEqual(found.length, 0, `there is no ${type}`);
    return found;
  }

  /** The role of the project's own. */
  function customRole(): StateResource['values'] {
    const [role, ...others] = ofType('google_project_iam_custom_role');
    assert.deepEqual(others, []);
    return role?.values ?? {};
  }

  function resourceOf(team: string, type: string, name: string): StateResource['values'] {
    const found = twoTeams().resources.find(({ address }) => address === `module.team["${team}"].${type}.${name}`);
    assert.ok(found, `${team} has no ${type}.${name}`);
    return found.values;
  }

  it('is formatted', async () => {
    assert.deepEqual(await terraform.run(['fmt', '-check', '-recursive', '-diff']), { exitCode: 0, output: '' });
  });

  it('is valid, without a warning', async (context) => {
    context.diagnostic(`with the ${terraform.provider} provider`);
    const { output } = await terraform.run(['validate', '-json']);
    const { diagnostics } = JSON.parse(output) as { diagnostics: unknown[] };
    assert.deepEqual(diagnostics, []);
  });

  it('passes its own tests', () => {
    const failed = runs.filter(({ status }) => status !== 'pass');
    assert.deepEqual(
      failed.map(({ file, name, status, problems }) => ({ file, name, status, problems })),
      [],
    );
    const files = new Set(runs.map(({ file }) => file));
    assert.deepEqual([...files].sort(), [
      'tests/foundation.tftest.hcl',
      'tests/refusals.tftest.hcl',
      'tests/team.tftest.hcl',
      'tests/two-teams.tftest.hcl',
    ]);
  });

  it('keeps every bucket private', () => {
    const buckets = ofType('google_storage_bucket');
    assert.equal(buckets.length, 3);
    for (const { address, values } of buckets) {
      assert.equal(values['public_access_prevention'], 'enforced', address);
      assert.equal(values['uniform_bucket_level_access'], true, address);
    }
  });

  it('grants nothing to everybody', () => {
    const members = twoTeams().resources.flatMap(({ values }) => ('member' in values ? [values['member']] : []));
    assert.notEqual(members.length, 0);
    assert.ok(!members.includes('allUsers') && !members.includes('allAuthenticatedUsers'));
  });

  it("lets each team's account use its bucket, sign as itself, read what it mounts, and nothing else", () => {
    const payments = resourceOf('payments', 'google_service_account', 'team');
    assert.deepEqual(
      grantsTo(payments['member']),
      [
        'roles/secretmanager.secretAccessor on nixery-payments-credentials',
        'roles/secretmanager.secretAccessor on nixery-payments-git-config',
        'roles/storage.objectUser on acme-images-nixery-payments',
        `${text(customRole()['name'])} on ${text(payments['name'])}`,
      ].sort(),
    );
    // It has a key.
    const research = resourceOf('research', 'google_service_account', 'team');
    assert.deepEqual(grantsTo(research['member']), [
      'roles/secretmanager.secretAccessor on nixery-research-deploy-key',
      'roles/secretmanager.secretAccessor on nixery-research-netrc',
      'roles/secretmanager.secretAccessor on nixery-research-signing-key',
      'roles/storage.objectUser on acme-images-nixery-research',
    ]);
  });

  it('gives no role in the whole project but two to the account that builds', () => {
    const grants = ofType('google_project_iam_member').map(({ values }) => [values['role'], values['member']]);
    const build = twoTeams().resources.find(({ address }) => address.endsWith('google_service_account.build'));
    assert.deepEqual(grants, [
      ['roles/logging.logWriter', build?.values['member']],
      ['roles/run.viewer', build?.values['member']],
    ]);
  });

  it("runs each service as its team's account, over its team's bucket", () => {
    for (const team of TEAMS) {
      const account = resourceOf(team, 'google_service_account', 'team')['email'];
      const service = resourceOf(team, 'google_cloud_run_v2_service', 'registry');
      assert.equal(templateIn(service).service_account, account);
      const env = environmentIn(service);
      assert.equal(env.get('BUCKET'), `acme-images-nixery-${team}`);
      assert.equal(env.get('GCS_SIGNING_ACCOUNT'), account);
    }
  });

  it('lets unused objects expire in every bucket', () => {
    for (const team of TEAMS) {
      const kept = rulesIn(resourceOf(team, 'google_storage_bucket', 'store')).map(
        ({ action: [action], condition: [condition] }) => [
          action?.type,
          condition?.age ?? null,
          condition?.days_since_custom_time ?? null,
          condition?.matches_prefix ?? [],
        ],
      );
      assert.deepEqual(kept, [
        ['Delete', 1, null, ['uploads/']],
        ['Delete', null, 30, []],
      ]);
    }
  });

  it('has no credential in a variable, and none in its state', () => {
    for (const team of TEAMS) {
      const service = resourceOf(team, 'google_cloud_run_v2_service', 'registry');
      for (const [name, value] of environmentIn(service)) {
        if (/CREDENTIALS|KEY$|NETRC|CONFIG/.test(name)) assert.match(value, /^\/secrets\/[a-z-]+(\/[a-z./]+)?$/, name);
        else assert.doesNotMatch(value, /PRIVATE KEY|:\/\/[^/@]*:[^/@]*@|(token|password|secret)[=:]/i, name);
      }
      const mounted = templateIn(service).volumes.flatMap(({ secret }) => secret.map((one) => one.secret));
      assert.ok(mounted.length > 0 && !mounted.includes(`nixery-${team}-smoke`));
    }
    // A version's content would be in Terraform's state, and a key's as well.
    const types = new Set(twoTeams().resources.map(({ type }) => type));
    assert.ok(!types.has('google_secret_manager_secret_version') && !types.has('google_service_account_key'));
  });

  it('grants just what the start check and keyless signing need', async () => {
    const member = resourceOf('payments', 'google_service_account', 'team')['member'];
    const { name: ownRole, permissions: ofOwnRole } = customRole();
    const roles = { ...ROLES, [text(ownRole)]: ofOwnRole as readonly string[] };
    const grants = grantsTo(member).filter((grant) => !grant.includes('secretmanager'));
    await using double = await startBucket();
    const allowed = grants.flatMap((grant) => permissionsOf(roles, grant, double.account));
    double.access.revoke(double.account, [...OBJECT_USER, `${SIGN_BLOB} ${double.account}`]);
    await assert.rejects(startOver(double), BucketUnusableError);

    double.access.grant(double.account, allowed);
    assert.match(await startOver(double), /X-Goog-Signature=/);
    // Who gets hold of its token, as a build does, has it for an hour and not for ever.
    const { token } = double.access.issueToken(double.account);
    const renewed = await fetch(
      `${double.endpoint}/v1/projects/-/serviceAccounts/${double.account}:generateAccessToken`,
      {
        ...{ method: 'POST', headers: { Authorization: `Bearer ${token}` }, body: '{}' },
      },
    );
    assert.equal(renewed.status, 403);

    // Without either grant it would not do.
    double.access.revoke(double.account, [`${SIGN_BLOB} ${double.account}`]);
    await assert.rejects(startOver(double), SigningError);
    double.access.revoke(double.account, OBJECT_USER);
    await assert.rejects(startOver(double), BucketUnusableError);
  });

  it('gives an example with everything that it refuses', async (context) => {
    const file = join(terraform.folder, 'tests', 'refusals.tftest.hcl');
    const [head = '', ...cases] = (await readFile(file, 'utf8')).split(/^(?=run ")/m);
    assert.ok(cases.length > 20);
    // What is expected to fail is not shown. A run that fails ends its file, so each has one of its own.
    const names = await Promise.all(
      cases.map(async (run, index) => {
        const name = join('tests', `refusal-${index}.tftest.hcl`);
        await writeFile(join(terraform.folder, name), head + run.replace(/^ {2}expect_failures.*$/m, ''));
        return name;
      }),
    );
    const { output } = await terraform.run(['test', '-json', ...names.map((name) => `-filter=${name}`)]);
    await Promise.all(names.map((name) => rm(join(terraform.folder, name))));
    const refused = readTestRuns(output);
    assert.equal(refused.length, cases.length);
    for (const { name, status, problems } of refused) {
      assert.equal(status, 'error', name);
      assert.equal(problems.length, 1, `${name}: ${problems.join('\n')}`);
      assert.match(problems[0] ?? '', /, as \w+ = /, name);
    }
    context.diagnostic(`${refused.length} refusals`);
  });

  it('takes the example that is to be copied', async () => {
    const example = await readFile(join(terraform.folder, 'terraform.tfvars.example'), 'utf8');
    const [mock = ''] = (await readFile(join(terraform.folder, 'tests', 'refusals.tftest.hcl'), 'utf8')).split(
      /^variables/m,
    );
    const file = join(terraform.folder, 'tests', 'example.tftest.hcl');
    await writeFile(file, `${mock}variables {\n${example}}\nrun "example" {\n  command = plan\n}\n`);
    const [run] = readTestRuns((await terraform.run(['test', '-json', '-filter=tests/example.tftest.hcl'])).output);
    await rm(file);
    assert.deepEqual([run?.status, run?.problems], ['pass', []]);
  });

  it('does not take an argument that is misspelt, missing or of the wrong type', async () => {
    const file = join(terraform.folder, 'modules', 'team', 'bucket.tf');
    const right = await readFile(file, 'utf8');
    const wrong: readonly [string, string, RegExp][] = [
      ['public_access_prevention ', 'public_access_prevented ', /Unsupported argument/],
      ['  location                    = var.settings.region\n', '', /Missing required argument/],
      [
        'force_destroy               = !var.deletion_protection',
        'force_destroy = ["no"]',
        /Incorrect attribute value type/,
      ],
      ['soft_delete_policy {', 'soft_deletion_policy {', /Unsupported block type/],
    ];
    try {
      for (const [from, to, problem] of wrong) {
        assert.ok(right.includes(from), from);
        await writeFile(file, right.replace(from, to));
        const { exitCode, output } = await terraform.run(['validate', '-no-color']);
        assert.deepEqual([exitCode, problem.test(output)], [1, true], output);
      }
    } finally {
      await writeFile(file, right);
    }
  });
});

/** As a start of the program: the check, and then a URL for a layer. */
async function startOver(double: BucketDouble): Promise<string> {
  Object.assign(process.env, environmentOf(double));
  const client = await bucketClient(double.bucket, { apiEndpoint: double.endpoint });
  await checkBucket(client);
  const settings = { bucket: double.bucket, endpoint: double.endpoint, iamEndpoint: double.endpoint };
  const signer = keylessSigner(settings, client.auth, double.account);
  return signer.urlOf(objectKey('layers', 'a'.repeat(64)));
}

function permissionsOf(roles: typeof ROLES, grant: string, account: string): string[] {
  const [role = ''] = grant.split(' on ');
  const permissions = roles[role];
  assert.ok(permissions, `${role} is not known here`);
  return permissions.map((permission) => (permission.startsWith('iam.') ? `${permission} ${account}` : permission));
}
