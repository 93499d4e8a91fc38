import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { closureOf } from '../../../functions/nix/closure/closure.ts';
import type { Nix } from '../../../functions/nix/nix.ts';
import { BuildFailedError, realise } from '../../../functions/nix/realise/realise.ts';
import { resolve, type Resolution } from '../../../functions/nix/resolve/resolve.ts';
import { fixturePackages, nix } from '../../support/nix.ts';

const source = { kind: 'folder', path: fixturePackages } as const;
const ask = (...attributes: string[]) => resolve(nix, { source, system: 'x86_64-linux', attributes });

async function one(attribute: string): Promise<Resolution> {
  const [resolution] = await ask(attribute);
  assert.ok(resolution !== undefined);
  return resolution;
}

async function found(attribute: string) {
  const resolution = await one(attribute);
  assert.ok(resolution.kind === 'found', JSON.stringify(resolution));
  return resolution;
}

describe('resolving attribute names', () => {
  it('finds exact names first, then names in another case, then names behind an underscore, at every level', async () => {
    for (const [asked, path] of [
      ['greet', 'greet'],
      ['capital', 'Capital'],
      ['9lives', '_9lives'],
      ['nested.deep', 'nested.deep'],
      ['NESTED.Deep', 'nested.deep'],
    ] as const) {
      assert.equal((await found(asked)).attributePath, path);
    }
  });

  it('says name, version and outputs', async () => {
    const { name, version, mainProgram, priority, outputs } = await found('greet');
    assert.deepEqual(
      { name, version, mainProgram, priority },
      { name: 'greet-1.0', version: '1.0', mainProgram: null, priority: null },
    );
    assert.equal(outputs.length, 1);
    assert.match(outputs[0]?.path ?? '', /^\/nix\/store\/[0-9a-z]{32}-greet-1\.0$/);
    assert.match(outputs[0]?.drvPath ?? '', /\.drv$/);
  });

  it('takes the first output, or the one that is named', async () => {
    assert.deepEqual(
      (await found('several')).outputs.map((output) => output.name),
      ['out'],
    );
    assert.deepEqual(
      (await found('several.man')).outputs.map((output) => output.name),
      ['man'],
    );
  });

  it('answers for all names in one evaluation, in their order', async () => {
    const kinds = (
      await ask(
        'greet',
        'unfree',
        'broken',
        'insecure',
        'text',
        'function',
        'nested',
        'pkgs',
        'pkgs.greet',
        'nothing',
        'throws',
      )
    ).map(({ kind }) => kind);
    assert.deepEqual(kinds, [
      'found',
      'unfree',
      'broken',
      'insecure',
      ...['not-a-package', 'not-a-package', 'not-a-package'],
      ...['package-set', 'package-set'],
      'not-found',
      'evaluation-failed',
    ]);
  });

  it('offers what may have been meant', async () => {
    const resolution = await one('gret');
    assert.ok(resolution.kind === 'not-found');
    assert.deepEqual(resolution.nearMatches, ['greet']);
  });

  it("gives Nix's own words for what cannot be evaluated, and no stack trace", async () => {
    const [, thrown, crashed] = await ask('greet', 'throws', 'crashes');
    assert.ok(thrown?.kind === 'evaluation-failed' && crashed?.kind === 'evaluation-failed');
    assert.equal(thrown.message, 'throws cannot be evaluated: this package set does not have it any more');
    assert.match(crashed.message, /^crashes cannot be evaluated: cannot add a string to an integer|cannot .*/);
    assert.doesNotMatch(crashed.message, /\n\s+at |show-trace/);
  });

  it('names the vulnerabilities of an insecure package', async () => {
    const resolution = await one('insecure');
    assert.ok(resolution.kind === 'insecure');
    assert.equal(resolution.message, 'insecure is marked as insecure: CVE-2026-0001');
  });

  it('takes a set that holds an attribute of its own name for what it is', async () => {
    assert.equal((await found('selfish.greet')).attributePath, 'selfish.greet');
    assert.equal((await one('selfish.selfish.greet')).kind, 'package-set');
  });

  it("goes once into a set that is made in another way for the same platform, and not into nixpkgs' other stages", async () => {
    assert.equal((await found('pkgsstatic.greet')).attributePath, 'pkgsStatic.greet');
    for (const [name, message] of [
      ['buildpackages.greet', 'buildPackages is a package set, not a package'],
      ['pkgsstatic.pkgsstatic.greet', 'pkgsStatic.pkgsStatic is a package set, not a package'],
      [
        'pkgscross.foreign.greet',
        'pkgsCross.foreign is a package set for riscv64-linux, and an image is of one platform',
      ],
      [
        'pkgscross.arm.greet',
        'pkgsCross.arm is a package set for aarch64-linux, and an image is of one platform: begin the name with arm64/ instead',
      ],
    ] as const) {
      const resolution = await one(name);
      assert.ok(resolution.kind === 'package-set', JSON.stringify(resolution));
      assert.equal(resolution.message, message);
    }
  });

  it('names what a package needs and may not be had, without advice for others and paths of this machine', async () => {
    for (const attribute of ['needsUnfree', 'neededUnfree']) {
      const resolution = await one(attribute);
      assert.ok(resolution.kind === 'evaluation-failed');
      assert.equal(resolution.message, `${attribute} needs secret-2.0, which has an unfree license (‘proprietary’)`);
    }
  });

  it('evaluates nothing outside of the package set', async () => {
    const outside = { kind: 'folder', path: `${fixturePackages}/../outside` } as const;
    const [resolution] = await resolve(nix, { source: outside, system: 'x86_64-linux', attributes: ['peeks'] });
    assert.ok(resolution?.kind === 'evaluation-failed', JSON.stringify(resolution));
    assert.match(resolution.message, /forbidden|not allowed|access to/);
  });
});

describe('control groups', () => {
  const groups = { count: 0 };
  const inGroups: Nix = {
    ...nix,
    cgroups: {
      bounds: [],
      create() {
        groups.count++;
        return Promise.resolve({ files: [], remove: () => Promise.resolve() });
      },
      close: () => Promise.resolve(),
    },
  };
  async function groupsOf(action: () => Promise<unknown>): Promise<number> {
    groups.count = 0;
    await action();
    return groups.count;
  }
  const request = { source, system: 'x86_64-linux', attributes: ['greet'] } as const;

  it('hold what builds or fetches', async () => {
    const { outputs } = await found('greet');
    assert.equal(await groupsOf(() => realise(inGroups, outputs)), 1);
    assert.equal(await groupsOf(() => resolve({ ...inGroups, importFromDerivation: 'allow' }, request)), 1);
    const url = 'file:///nowhere';
    for (const remote of [
      { kind: 'tarball', url },
      { kind: 'git', url, revision: '0'.repeat(40) },
    ] as const) {
      const groupsOfRemote = await groupsOf(() => resolve(inGroups, { ...request, source: remote }));
      assert.equal(groupsOfRemote, 1, remote.kind);
    }
  });

  it('are not waited for by what only reads', async () => {
    const { outputs } = await found('greet');
    assert.equal(await groupsOf(() => resolve(inGroups, request)), 0);
    const paths = outputs.map(({ path }) => path);
    assert.equal(await groupsOf(() => closureOf(inGroups, paths)), 0);
  });
});

describe('realising outputs', () => {
  it('builds them, and then their closure is known', async () => {
    const { outputs } = await found('greet');
    await realise(nix, outputs);
    const paths = outputs.map((output) => output.path);
    const closure = await closureOf(nix, paths);
    assert.ok(closure !== undefined);
    assert.deepEqual(closure.map(({ path }) => path.slice(44)).sort(), ['greet-1.0', 'lib-2.0']);
    const greet = closure.find(({ path }) => paths.includes(path));
    assert.ok(greet !== undefined);
    assert.deepEqual(
      greet.references.map((path) => path.slice(44)),
      ['lib-2.0'],
    );
    assert.match(greet.narHash, /^sha256-/);
    assert.ok(greet.narSizeBytes > 300);
  });

  it('fails with the end of the log of a build that fails', async () => {
    const { outputs } = await found('fails');
    await assert.rejects(realise(nix, outputs), (error) => {
      assert.ok(error instanceof BuildFailedError);
      assert.deepEqual(error.logTail, ['this is the last thing it says']);
      assert.match(error.message, /builder for '.*-fails\.drv' failed with exit code 3/);
      return true;
    });
  });

  it('ends as it should when a build prints 10 MB to stderr', async () => {
    const { outputs } = await found('floods');
    await realise(nix, outputs);
    assert.ok(
      (await closureOf(
        nix,
        outputs.map((output) => output.path),
      )) !== undefined,
    );
  });

  it('does not know the closure of what is not built', async () => {
    const { outputs } = await found('hangs');
    assert.equal(
      await closureOf(
        nix,
        outputs.map((output) => output.path),
      ),
      undefined,
    );
  });
});
