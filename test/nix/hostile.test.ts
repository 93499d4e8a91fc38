import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ProcessError } from '../../functions/nix/process-error.ts';
import { BuildFailedError, realise } from '../../functions/nix/realise/realise.ts';
import { resolve } from '../../functions/nix/resolve/resolve.ts';
import { nix as plain } from '../support/nix.ts';
import { projectFolder } from '../support/service/registry-process.ts';

/** A package set that means no good: what it can do while it is evaluated, and with what it prints. */

const MEMORY_MIB = 512;
const nix = { ...plain, evaluationMemoryBytes: MEMORY_MIB * 1024 * 1024 };
const source = { kind: 'folder', path: join(projectFolder, 'test', 'fixtures', 'builds') } as const;

async function ask(attribute: string, more: object = {}, timeoutMs = 60_000) {
  const request = { source, system: 'x86_64-linux', attributes: [attribute] } as const;
  const [resolution] = await resolve({ ...nix, ...more }, request, { timeoutMs });
  assert.ok(resolution !== undefined);
  return resolution;
}

async function messageOf(attribute: string): Promise<string> {
  const resolution = await ask(attribute);
  assert.ok(resolution.kind === 'evaluation-failed', JSON.stringify(resolution));
  return resolution.message;
}

async function outputsOf(attribute: string) {
  const resolution = await ask(attribute);
  assert.ok(resolution.kind === 'found', JSON.stringify(resolution));
  return resolution.outputs;
}

describe('the evaluation of a hostile package set', () => {
  it('works for what is harmless, within its limits', async () => {
    assert.equal((await ask('harmless')).kind, 'found');
  });

  for (const attribute of ['reads', 'lists', 'copies', 'downloads', 'clones']) {
    it(`does not reach beyond the package set: ${attribute}`, async () => {
      assert.match(await messageOf(attribute), /forbidden in restricted mode|not allowed|access to/);
    });
  }

  it('does not see the environment', async () => {
    const resolution = await ask('environment');
    assert.ok(resolution.kind === 'found');
    assert.equal(resolution.name, 'environment--end');
  });

  it('is ended when it takes too long, with all its processes', async () => {
    await assert.rejects(
      ask('counts', {}, 1500),
      (error) => error instanceof ProcessError && error.failure === 'timeout',
    );
  });

  it('is ended when it takes too much memory', async () => {
    assert.equal(
      await messageOf('endless'),
      `endless cannot be evaluated: it takes more than ${MEMORY_MIB} MiB of memory (NIX_EVAL_MEMORY)`,
    );
  });

  it('is ended when it recurs for ever', async () => {
    assert.match(await messageOf('recurs'), /stack overflow|infinite recursion|of memory/);
  });

  it('builds nothing, unless that is allowed', async () => {
    assert.match(await messageOf('imports'), /allow-import-from-derivation/);
    assert.equal((await ask('imports', { importFromDerivation: 'allow' })).kind, 'not-a-package');
  });

  it('does not make derivations whose names are escape sequences', async () => {
    assert.match(await messageOf('escapes'), /illegal character|invalid/);
  });

  it('is not taken for the fault of the package when there is no Nix', async () => {
    const environment = { ...nix.environment, PATH: '/nowhere' };
    await assert.rejects(
      ask('harmless', { environment }),
      (error) => error instanceof ProcessError && error.failure === 'not-found',
    );
  });
});

describe('a build that prints 110 MB', () => {
  it('is ended at 64 MB, and takes no memory of ours', async () => {
    const outputs = await outputsOf('prints');
    // What lives, without what is yet to be collected.
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const livingBytes = () => {
      // The memory of buffers that the first collection found dead is given back by the second.
      collect();
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = livingBytes();
    let peakBytes = 0;
    const watch = setInterval(() => {
      peakBytes = Math.max(peakBytes, livingBytes() - before);
    }, 250);
    try {
      await assert.rejects(
        realise(nix, outputs),
        (error) =>
          error instanceof BuildFailedError &&
          /more than 67108864 bytes of log/.test(error.message) &&
          error.logTail.join('').length <= 100_000,
      );
    } finally {
      clearInterval(watch);
    }
    assert.ok(peakBytes > 0 && peakBytes < 10e6, `${peakBytes} bytes`);
  });
});
