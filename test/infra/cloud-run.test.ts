import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { execa } from 'execa';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { installedGcloud } from '../support/gcloud/known-flags.ts';
import type { CloudRunService } from '../support/gcloud/commands.ts';
import { startProject } from '../support/gcloud/project.ts';
import { projectFolder } from '../support/service/registry-process.ts';

const IMAGE = `europe-west1-docker.pkg.dev/acme-images/nixery/nixery-run@${digestOfBytes('an image')}`;
const COMMIT = '0123456789'.repeat(4);

/** As Terraform made it, reached from inside alone. */
const service = (team: string): CloudRunService => ({
  metadata: {
    name: `nixery-${team}`,
    labels: {
      application: 'nixery-run',
      team,
      credentials: 'false',
      'cloud.googleapis.com/location': 'europe-west1',
    },
  },
  spec: { image: 'first' },
  status: {
    latestCreatedRevisionName: `nixery-${team}-00001`,
    traffic: [{ latestRevision: true, percent: 100, revisionName: `nixery-${team}-00001` }],
  },
});

async function rollOutIn(context: TestContext, services: CloudRunService[], failing: string[] = []) {
  const project = await startProject({ services, failing });
  context.after(() => project[Symbol.asyncDispose]());
  const { exitCode, all } = await execa(process.execPath, ['infra/roll-out.ts'], {
    env: { ...project.environment, PROJECT: 'acme-images', IMAGE, COMMIT, SMOKE_IMAGE: 'hello' },
    ...{ cwd: projectFolder, reject: false, all: true, stdin: 'ignore' },
  });
  return { project, exitCode, output: all };
}

describe('infra/roll-out.ts', () => {
  it('gives every service the image and all its requests', async (context) => {
    const { project, exitCode, output } = await rollOutIn(context, [service('a'), service('b')]);
    assert.equal(exitCode, 0, output);
    for (const { spec, status, metadata } of project.state.services) {
      assert.equal(spec.image, IMAGE);
      assert.deepEqual(status.traffic, [
        { revisionName: `${metadata.name}-00002`, percent: 100, latestRevision: true },
      ]);
    }
  });

  it('leaves all requests where they were when one service cannot be updated', async (context) => {
    const { project, exitCode, output } = await rollOutIn(
      context,
      [service('a'), service('b')],
      ['run services update nixery-b'],
    );
    assert.equal(exitCode, 1);
    assert.match(output, /PERMISSION_DENIED/);
    for (const { status, metadata } of project.state.services) {
      const serving = status.traffic.filter(({ percent = 0 }) => percent > 0);
      assert.deepEqual(
        serving.map(({ revisionName }) => revisionName),
        [`${metadata.name}-00001`],
      );
    }
  });

  it('fails when it cannot see the services, and when there is none', async (context) => {
    const blind = await rollOutIn(context, [service('a')], ['run services list']);
    assert.equal(blind.exitCode, 1);
    const none = await rollOutIn(context, []);
    assert.equal(none.exitCode, 1);
    assert.match(none.output, /there is no service to roll out to/);
  });

  it('calls gcloud as it can be called', async (context) => {
    const unknownTo = installedGcloud();
    if (unknownTo === undefined) {
      context.skip('gcloud is not installed: https://cloud.google.com/sdk/docs/install');
      return;
    }
    const { project } = await rollOutIn(context, [service('a')]);
    const calls = project.calls;
    assert.equal(calls.length, 6);
    for (const call of [...calls, 'gcloud secrets versions access latest --secret=x --project=y --quiet']) {
      assert.deepEqual(unknownTo(call), [], call);
    }
  });
});
