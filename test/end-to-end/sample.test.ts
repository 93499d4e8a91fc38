import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DockerRegistry, startDockerRegistry } from '../support/clients/docker-registry.ts';

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

let service: DockerRegistry;
let registry: DockerRegistry['registry'];
let engine: DockerRegistry['engine'];
before(async () => {
  // Docker Engine starts a process for each layer, a quarter of a second on a processor; here only what is in them counts.
  ({ registry, engine } = service = await startDockerRegistry({ NIXERY_LAYERS: '4' }));
});
after(() => service[Symbol.asyncDispose]());

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
