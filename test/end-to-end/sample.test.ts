import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { debianPackages } from '../support/debian.ts';
import { type DockerEngine, startDockerEngine } from '../support/clients/docker-engine.ts';
import { type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';

/**
 * Packages in many languages, with a program of each: those that have been in Debian for long, so that another day's archive
 * has them as well.
 */
const PROGRAMS = [
  ['asciidoctor', 'asciidoctor'],
  ['cowsay', 'cowsay'],
  ['fortune-mod', 'fortune'],
  ['gnuplot-nox', 'gnuplot'],
  ['graphviz', 'dot'],
  ['httpie', 'http'],
  ['mercurial', 'hg'],
  ['nmap', 'nmap'],
  ['ocaml-base', 'ocamlrun'],
  ['sqlite3', 'sqlite3'],
  ['tig', 'tig'],
  ['units', 'units'],
] as const;

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

/** A program starts when it says its version, its usage or its help, or complains of how it was called. */
async function printedBy(name: string, program: string): Promise<string> {
  const image = `${registry.host}/${name}`;
  await engine.docker('pull', '--quiet', image);
  for (const argument of ['--version', '--help', '-h']) {
    const command = ['run', '--rm', '--network=none', '--entrypoint', `/bin/${program}`, image, argument];
    const printed = await engine.docker(...command).catch((error: unknown) => String(error));
    if (printed.trim() !== '') return printed;
  }
  return '';
}

describe("programs of Debian's packages", () => {
  for (const [name, program] of PROGRAMS) {
    it(`start in an image of their own: ${name}`, async () => {
      const printed = await printedBy(name, program);
      assert.notEqual(printed, '');
      assert.doesNotMatch(printed, FAULT);
    });
  }
});
