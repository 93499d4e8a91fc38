import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DockerEngine, startDockerEngine } from '../support/clients/docker-engine.ts';
import { debianPackages } from '../support/debian.ts';
import { namesInReadme, shellExamples } from '../support/examples.ts';
import { type Laptop, startLaptop } from '../support/laptop.ts';
import { pullImage } from '../support/pulled-image.ts';
import { startRegistry } from '../support/service/registry-process.ts';

/** What documents show is run as it stands there, on a machine as they assume it, or is named here with why it is not. */

const GOOGLE = 'it changes a project on Google Cloud';
const CLUSTER = 'it changes a cluster of Kubernetes';
const ENDPOINT =
  'it is for an endpoint with TLS and users: credentials.test.ts does the same, with each client, without TLS';
const LONG = 'it takes minutes, or is this';
const BEFORE = 'it goes on with what a command made that is not run';
const PERSON = 'a person edits there';
const HUB = 'it asks registries on the Internet';

/** By how a command begins. */
const NOT_RUN: readonly (readonly [start: string, why: string])[] = [
  ['npm run images', HUB],
  ['docker build ', HUB],
  ['npm ci', 'it fetches all from npm again: test/run.sh does it where it is missing'],
  ['docker run --read-only ', BEFORE],
  ['git commit ', BEFORE],
  ['infra/bootstrap.sh', GOOGLE],
  ['terraform ', GOOGLE],
  ['gcloud ', GOOGLE],
  ['HOST=$(terraform ', GOOGLE],
  ['rm credentials.json', BEFORE],
  ['rm key.json', BEFORE],
  ['$EDITOR ', PERSON],
  ['docker login ', ENDPOINT],
  ['docker pull "$HOST', ENDPOINT],
  ['podman login ', ENDPOINT],
  ['skopeo inspect --creds ', ENDPOINT],
  ['ctr images pull ', ENDPOINT],
  ['kubectl ', CLUSTER],
  ['npm run check', LONG],
  ['npm test', LONG],
  ['npm run fuzz', LONG],
  ['npm run soak', LONG],
  ['npm run damage', LONG],
  ['npm run sample', LONG],
  ['npm run bench', LONG],
];

interface Run {
  /** What it prints. */
  readonly prints: RegExp;
  /** It asks, or has a shell at a terminal: what a person types. */
  readonly typed?: string;
  readonly terminal?: true;
  /** It goes on until it is ended. */
  readonly serves?: true;
}

const RUN: Readonly<Record<string, Run>> = {
  'npm start': { prints: /ready/, serves: true },
  'docker run --rm localhost:8080/hello': { prints: /Hello, world!/ },
  'docker run --rm -it localhost:8080/shell/git': {
    prints: /git version \d/,
    typed: 'git --version\nexit\n',
    terminal: true,
  },
  'podman run --rm --tls-verify=false localhost:8080/shell/curl/jq curl --version': { prints: /^curl \d/m },
  'skopeo copy --src-tls-verify=false docker://localhost:8080/shell/python3 oci:python:latest': {
    prints: /Writing manifest/,
  },
  'npm run token -- --user ci --days 90': { prints: /The token of ci/ },
  'npm run token -- --user ann': { prints: /The token of ann/ },
  'npm run purge -- shell/git': { prints: /shell\/git/ },
  'npm run verify': { prints: /\d/ },
  'npm run bucket': { prints: /The bucket team-bucket is at/, serves: true },
  'cp infra/terraform.tfvars.example infra/terraform.tfvars': { prints: /^$/ },
  'npm run bundle': { prints: /container\/bundle\.ts\n/ },
  'read -rs TOKEN': { prints: /^$/, typed: 'secret\n' },
  'rm git-config': { prints: /^$/ },
  "ssh-keygen -t ed25519 -N '' -C nixery-payments -f deploy-key": { prints: /deploy-key\.pub/ },
  'rm deploy-key': { prints: /^$/ },
};
const WRITES_GIT_CONFIG = /^cat >git-config <<EOF\n/;

const examples = shellExamples();
const runOf = (command: string): Run | undefined =>
  RUN[command] ?? (WRITES_GIT_CONFIG.test(command) ? { prints: /^$/ } : undefined);
const reasonOf = (command: string) => NOT_RUN.find(([start]) => `${command} `.startsWith(start))?.[1];

let scratch: string;
let laptop: Laptop;
let engine: DockerEngine;
/** What has been started, in its order. */
const serving: AsyncDisposable[] = [];
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-examples-'));
  // The machine has no network: what its images consist of is built before.
  await using online = await startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: join(scratch, 'store') });
  for (const name of [...namesOfRun(), ...namesInReadme().filter((name) => !NOT_OF_DEBIAN.has(name))])
    await pullImage(online, name);
  const containers = join(scratch, 'containers.conf');
  // podman as this machine can run it: what a person's machine does by itself.
  const limits = 'default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]';
  await writeFile(containers, `[containers]\nnetns = "none"\n${limits}\n[engine]\nruntime = "runc"\n`);
  const address = `unix://${join(scratch, 'docker.sock')}`;
  laptop = await startLaptop({ CONTAINERS_CONF: containers, DOCKER_HOST: address });
  serving.push(laptop);
  engine = await startDockerEngine(laptop.enter, address);
  serving.push(engine);
});
after(async () => {
  for (const one of serving.reverse()) await one[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

/** The images that the commands run. */
function namesOfRun(): readonly string[] {
  return Object.keys(RUN).flatMap((command) => /localhost:8080\/(\S+)/.exec(command)?.[1] ?? []);
}

/** Names of packages that nixpkgs has and Debian has not. */
const NOT_OF_DEBIAN: ReadonlySet<string> = new Set(['pkgsstatic.busybox', 'python3packages.requests']);

describe('what documents show', () => {
  it('is run here, or said why not', () => {
    const unknown = examples.filter(({ command }) => !runOf(command) && !reasonOf(command));
    assert.deepEqual(unknown, []);
    const gone = NOT_RUN.filter(([start]) => !examples.some(({ command }) => `${command} `.startsWith(start)));
    assert.deepEqual(gone, [], 'nobody shows these any more');
    assert.ok(examples.length > 70, `${examples.length} commands`);
  });
  for (const { document, command } of examples.filter((example) => runOf(example.command))) {
    it(`${document}: ${command.split('\n', 1).join('')}`, async () => {
      const { prints, typed, terminal, serves } = runOf(command) ?? assert.fail('it is run');
      if (serves) serving.push(await laptop.start(command, prints));
      else {
        const line = terminal ? `script --quiet --return --command '${command}' /dev/null` : command;
        assert.match(await laptop.shell(line, typed), prints);
      }
    });
  }
  for (const name of namesInReadme().filter((each) => !NOT_OF_DEBIAN.has(each))) {
    it(`README.md: the image ${name}`, async () => {
      const printed = await laptop.shell(`skopeo inspect --tls-verify=false docker://localhost:8080/${name}`);
      assert.match(printed, /"Digest": "sha256:/);
    });
  }
  it('works in a build: cmake has its modules and a compiler', async () => {
    const project = `printf '%s\\n' 'cmake_minimum_required(VERSION 3.20)' 'project(a C)' 'include(CheckIncludeFile)' 'check_include_file(stdio.h HAS)' >CMakeLists.txt && cmake -B build .`;
    const printed = await engine.docker(
      'run',
      '--rm',
      '--workdir=/tmp',
      'localhost:8080/builder/cmake',
      'bash',
      '-c',
      project,
    );
    assert.match(printed, /Looking for stdio\.h - found[^]*Build files have been written/);
  });
});
