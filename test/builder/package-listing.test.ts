import assert from 'node:assert/strict';
import { lutimesSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { listIfThere, type ReadTrees } from '../../functions/builder/package-listing.ts';
import type { FoundPackage } from '../../functions/nix/resolve.ts';
import type { StorePath } from '../../functions/nix/store-path.ts';
import { temporaryFolder } from '../layer/fixture.ts';

const folder = temporaryFolder();

/** A package whose output lies in the test's folder. */
function packageAt(name: string): FoundPackage {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, 'file'), 'content');
  // No cast could be avoided: store paths are made by Nix alone.
  return { outputs: [{ name: 'out', path: path as StorePath }] } as unknown as FoundPackage;
}

describe('the listing of what is on this machine', () => {
  it('is left undone while a build still writes it', async () => {
    const one = packageAt('being-made');
    const trees: ReadTrees = new Map();
    assert.equal(await listIfThere([one], trees), undefined);
    assert.equal(trees.size, 0);
  });

  it('is made once Nix has taken it over, which the time of its modification tells', async () => {
    const one = packageAt('made');
    const path = one.outputs[0]?.path as StorePath;
    lutimesSync(path, 1, 1);
    const trees: ReadTrees = new Map();
    const listings = await listIfThere([one], trees);
    assert.deepEqual(listings?.[0]?.trees, { [path]: { entries: [['file', { size: 7 }]] } });
    assert.deepEqual([...trees.keys()], [path]);
  });
});
