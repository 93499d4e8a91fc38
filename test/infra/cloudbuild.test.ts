import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { execa } from 'execa';
import { parse } from 'yaml';
import { z } from 'zod';
import { succeeds } from '../support/command.ts';
import { projectFolder } from '../support/service/registry-process.ts';

/** What stands in the file, and nothing else: a key that Cloud Build knows and this does not is a reason to look. */
const buildSchema = z.strictObject({
  substitutions: z.record(z.string().regex(/^_[A-Z0-9_]+$/), z.string()),
  steps: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      env: z.array(z.string()).default([]),
      script: z.string(),
    }),
  ),
  serviceAccount: z.string(),
  timeout: z.string().regex(/^\d+s$/),
  options: z.strictObject({
    // A build with an account of its own has no other log.
    logging: z.literal('CLOUD_LOGGING_ONLY'),
    machineType: z.string(),
    dynamicSubstitutions: z.literal(true),
  }),
});

const source = readFileSync(join(projectFolder, 'cloudbuild.yaml'), 'utf8');
const build = buildSchema.parse(parse(source));
const scripts = new Map(build.steps.map(({ id, script }) => [id, script]));
/** What Cloud Build itself puts in for a build that was started by hand or by a trigger. */
const BUILT_IN = ['PROJECT_ID', 'COMMIT_SHA'];

/** Runs a step's script with these variables, beside a `docker` and a `gcloud` that write down how they were called. */
async function runStep(context: TestContext, id: string, env: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'step-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  for (const program of ['docker', 'gcloud']) {
    await writeFile(join(folder, program), `#!/bin/sh\necho "${program} $*" >>${folder}/calls\ncat ${folder}/answer\n`);
    await chmod(join(folder, program), 0o755);
  }
  await writeFile(join(folder, 'calls'), '');
  const answer = 'other/x@sha256:1\nregion-docker.pkg.dev/p/nixery/nixery-run@sha256:2\n';
  await writeFile(join(folder, 'answer'), answer);
  const { exitCode, all } = await execa('bash', ['-c', scripts.get(id) ?? 'exit 99'], {
    ...{ cwd: folder, reject: false, all: true, stdin: 'ignore', extendEnv: false },
    env: { PATH: `${folder}:${process.env['PATH'] ?? ''}`, ...env },
  });
  const image = await readFile(join(folder, 'image.txt'), 'utf8').catch(() => undefined);
  return { exitCode, output: all, calls: await readFile(join(folder, 'calls'), 'utf8'), image };
}

const IMAGE = 'region-docker.pkg.dev/p/nixery/nixery-run';
const COMMIT = '0123456789'.repeat(4);

describe('cloudbuild.yaml', () => {
  it('installs, checks, tests, builds, pushes, rolls out and only then names the image the current one', () => {
    assert.deepEqual([...scripts.keys()], ['install', 'check', 'test', 'build', 'push', 'roll-out', 'current']);
  });

  it('has scripts that bash understands and that stop at the first failure', async () => {
    for (const [id, script] of scripts) {
      assert.ok(script.startsWith('#!/usr/bin/env bash\nset -euo pipefail\n'), id);
      const { stderr } = await execa('bash', ['-n'], { input: script, reject: false });
      assert.equal(stderr, '', id);
    }
  });

  it('has nothing that shellcheck finds, nor have the scripts of infra/', async (context) => {
    if (!(await succeeds('shellcheck', ['--version']))) {
      context.skip('shellcheck is not installed: apt-get install shellcheck');
      return;
    }
    for (const [id, script] of scripts) {
      const { stdout } = await execa('shellcheck', ['-'], { input: script, reject: false });
      assert.equal(stdout, '', id);
    }
    const { stdout } = await execa('shellcheck', ['infra/bootstrap.sh', 'test/run.sh'], {
      cwd: projectFolder,
      reject: false,
    });
    assert.equal(stdout, '');
  });

  it('names files and npm scripts that exist', () => {
    const all = [...scripts.values()].join('\n');
    const files = [...all.matchAll(/(?<=[\s"'=])(?:functions|infra|nix|test)\/[\w./-]+/g)].map(([file]) => file);
    assert.deepEqual(files, ['nix/Dockerfile', 'infra/roll-out.ts']);
    for (const file of files) assert.ok(existsSync(join(projectFolder, file)), `there is no ${file}`);

    const { scripts: known } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...all.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, name = '']) => name);
    // What the images are is looked at before anything is made of them.
    assert.deepEqual(named, ['images', 'check', 'test:unprivileged']);
    for (const name of named) assert.ok(name in known, `there is no npm script ${name}`);
  });

  it('declares each substitution that it uses, and uses each that it declares', () => {
    const outsideScripts = JSON.stringify({ ...build, steps: build.steps.map(({ name, env }) => ({ name, env })) });
    const used = new Set([...outsideScripts.matchAll(/\$\{?(_?[A-Z][A-Z0-9_]*)/g)].map(([, name = '']) => name));
    assert.deepEqual(
      [...used].filter((name) => !BUILT_IN.includes(name)).sort(),
      Object.keys(build.substitutions).sort(),
    );
    // By hand, too.
    for (const file of ['cloudbuild.yaml', 'infra/bootstrap.sh', 'docs/deploy.md']) {
      const text = readFileSync(join(projectFolder, file), 'utf8');
      const given = [...text.matchAll(/--substitutions="?(.*)/g)].flatMap(([, list = '']) => list.split(/,(?=_)/));
      assert.notEqual(given.length, 0, file);
      for (const entry of given) assert.ok(entry.replace(/=.*/, '') in build.substitutions, `${file} sets ${entry}`);
    }
  });

  it('gives each script the variables that it reads, since none of them is substituted in a script', () => {
    for (const { id, env, script } of build.steps) {
      const given = env.map((entry) => entry.replace(/=.*$/, ''));
      const read = new Set([...script.matchAll(/(?<!\\)\$\{?([A-Z_][A-Z0-9_]*)/g)].map(([, name = '']) => name));
      const assigned = [...script.matchAll(/^\s*([A-Z_]+)=/gm)].map(([, name = '']) => name);
      for (const name of read) assert.ok(given.includes(name) || assigned.includes(name), `${id} reads ${name}`);
    }
  });

  it('runs as the account that Terraform makes for it', () => {
    assert.match(build.serviceAccount, /\/nixery-build@\$\{PROJECT_ID\}\.iam\.gserviceaccount\.com$/);
    const terraform = readFileSync(join(projectFolder, 'infra/modules/foundation/build.tf'), 'utf8');
    assert.match(terraform, /account_id += "nixery-build"/);
  });

  it('builds nothing that it cannot name by a commit', async (context) => {
    const nameless = await runStep(context, 'build', { IMAGE, COMMIT: '' });
    assert.deepEqual([nameless.exitCode, nameless.calls], [1, '']);
    assert.match(nameless.output, /_COMMIT must be a commit/);
    const named = await runStep(context, 'build', { IMAGE, COMMIT });
    assert.equal(named.exitCode, 0, named.output);
    assert.match(named.calls, new RegExp(`^docker build --file nix/Dockerfile --tag ${IMAGE}:${COMMIT} `));
  });

  it('goes on with the digest of what it pushed', async (context) => {
    const { exitCode, image } = await runStep(context, 'push', { IMAGE, COMMIT });
    assert.deepEqual([exitCode, image], [0, `${IMAGE}@sha256:2\n`]);
    // Another repository's digest is none.
    const { exitCode: other } = await runStep(context, 'push', { IMAGE: 'elsewhere/nixery-run', COMMIT });
    assert.notEqual(other, 0);
  });

  it('rolls out unless it is told not to, in a word that it knows', async (context) => {
    const env = { PROJECT: 'p', COMMIT, SMOKE_IMAGE: 'hello' };
    const not = await runStep(context, 'roll-out', { ...env, ROLLOUT: 'false' });
    assert.equal(not.exitCode, 0);
    assert.match(not.output, /not rolled out/);
    for (const word of ['', 'no', 'False']) {
      assert.equal((await runStep(context, 'roll-out', { ...env, ROLLOUT: word })).exitCode, 1);
    }
    // There is no image.txt here.
    const blind = await runStep(context, 'roll-out', { ...env, ROLLOUT: 'true' });
    assert.notEqual(blind.exitCode, 0);
    assert.match(blind.output, /image\.txt/);
  });
});
