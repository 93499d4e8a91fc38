import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listPackages } from '../../functions/nix/list-packages.ts';
import { ProcessError } from '../../functions/nix/process-error.ts';
import { fixturePackages, nix } from '../support/nix.ts';

const system = 'x86_64-linux';

describe('listing a package set', () => {
  it('gives packages in the order of their names, around an attribute that ends every evaluation', async () => {
    const packages = await listPackages(nix, { source: { kind: 'folder', path: fixturePackages }, system });
    const names = packages.map(({ attribute }) => attribute);
    assert.deepEqual(names, [...names].sort());
    for (const name of ['Capital', '_9lives', 'greet', 'lib', 'several', 'unfree'])
      assert.ok(names.includes(name), name);
    // `crashes` is a type error, which Nix cannot catch; the others are no packages.
    for (const name of ['crashes', 'throws', 'text', 'function', 'nested', 'pkgs'])
      assert.ok(!names.includes(name), name);
    assert.equal(packages.find(({ attribute }) => attribute === 'greet')?.version, '1.0');
    assert.equal(packages.find(({ attribute }) => attribute === 'lib')?.version, null);
  });

  it('fails for a set that cannot be loaded', async () => {
    const source = { kind: 'folder', path: '/nowhere' } as const;
    await assert.rejects(listPackages(nix, { source, system }), ProcessError);
  });
});
