import assert from 'node:assert/strict';
import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pLimit from 'p-limit';
import { debianPackages, type LockedPackage, lockedPackages, shuffled } from '../support/debian.ts';
import { type DockerEngine, startDockerEngine } from '../support/docker-engine.ts';
import { type RegistryProcess, startRegistry } from '../support/registry-process.ts';

/**
 * Packages that nobody chose: drawn from all of Debian's main by a seed, pulled with docker and started.
 * `NIXERY_SAMPLE_SEED` is another draw, `NIXERY_SAMPLE_SIZE` another number of packages: thirty take ten minutes.
 *
 * A program that lacks a library may be Debian's own fault: xfconf, say, does not depend on the library that it is linked
 * to. The draw of the default seed has none of these.
 */
const seed = Number(process.env['NIXERY_SAMPLE_SEED'] ?? 1);
const size = Number(process.env['NIXERY_SAMPLE_SIZE'] ?? 12);
/** One of ten may want more than a container without display, network and services has. */
const mayFail = Math.floor(size / 10);

/** Larger downloads are games' and fonts' data: what they need of time says nothing about the registry. */
const MAX_DOWNLOAD_BYTES = 20e6;

/** A program that is not started for one of these reasons is a fault of the image. */
const FAULT =
  /error while loading shared libraries|cannot open shared object|No such file or directory.*(?:interpreter|exec)|bad interpreter|required file not found|No module named|ModuleNotFoundError|Can't locate \S+\.pm|command not found|: not found|exec format error/i;

let scratch: string;
let registry: RegistryProcess;
let engine: DockerEngine;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-sample-'));
  registry = await startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: scratch });
  engine = await startDockerEngine();
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

/** The first program that a package has, in byte order; undefined when it has none. */
async function programOf({ url }: LockedPackage): Promise<string | undefined> {
  const response = await fetch(url);
  assert.ok(response.ok, `${url}: ${response.status}`);
  if (Number(response.headers.get('content-length')) > MAX_DOWNLOAD_BYTES) {
    await response.body?.cancel();
    return undefined;
  }
  const file = join(scratch, 'candidate.deb');
  await writeFile(file, Buffer.from(await response.arrayBuffer()));
  const { stdout } = await execa('dpkg-deb', ['--contents', file]);
  await rm(file);
  const programs = stdout
    .split('\n')
    .flatMap((line) => /^-\S*x\S* .* \.\/(?:usr\/)?(?:s?bin|games)\/([^/ ]+)$/.exec(line)?.[1] ?? []);
  return programs.sort()[0];
}

interface Outcome {
  readonly name: string;
  readonly program: string;
  readonly started: boolean;
  readonly fault: boolean;
  readonly printed: string;
}

/** A program starts when it says its version, its usage or its help, or complains of how it was called. */
async function start(name: string, program: string): Promise<Outcome> {
  const image = `${registry.host}/${name.replaceAll('+', 'x')}`;
  let printed = '';
  try {
    await engine.docker('pull', '--quiet', image);
    for (const argument of ['--version', '--help', '-h']) {
      const command = ['run', '--rm', '--network=none', '--entrypoint', `/bin/${program}`, image, argument];
      printed = await engine.docker(...command).catch((error: unknown) => String(error));
      if (FAULT.test(printed)) return { name, program, started: false, fault: true, printed };
      if (printed.trim() !== '') return { name, program, started: true, fault: false, printed };
    }
    return { name, program, started: false, fault: false, printed: '(it prints nothing)' };
  } catch (error) {
    return { name, program, started: false, fault: true, printed: String(error) };
  } finally {
    await engine.docker('rmi', '--force', image).catch(() => '');
  }
}

describe('packages drawn by chance', () => {
  it(`start, at least ${size - mayFail} of ${size} (seed ${seed})`, async (context) => {
    const limit = pLimit(2);
    const order = shuffled(lockedPackages(), seed);
    const chosen: { name: string; program: string }[] = [];
    for (const candidate of order) {
      const program = await programOf(candidate);
      if (program !== undefined) chosen.push({ name: candidate.name, program });
      if (chosen.length === size) break;
    }
    const outcomes = await Promise.all(chosen.map(({ name, program }) => limit(() => start(name, program))));
    for (const { name, program, started, printed } of outcomes) {
      context.diagnostic(
        `${started ? 'starts' : 'DOES NOT START'}: ${name} (${program})${started ? '' : `: ${printed.slice(-600)}`}`,
      );
    }
    const failed = outcomes.filter(({ started }) => !started);
    assert.deepEqual(
      outcomes.filter(({ fault }) => fault).map(({ name }) => name),
      [],
      'none fails for a fault of the image',
    );
    assert.ok(failed.length <= mayFail, `${failed.length} of ${size} do not start`);
  });
});
