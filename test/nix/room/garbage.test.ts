import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { collectGarbage } from '../../../functions/nix/room/garbage.ts';
import { garbageRoots } from '../../../functions/nix/room/garbage-roots.ts';
import { run } from '../../../functions/nix/process/process.ts';
import type { StorePath } from '../../../functions/nix/store-path.ts';
import { nix as plain } from '../../support/nix.ts';

/** The real Nix with a store of its own, of which the machine's knows nothing. */
async function withStore(
  work: (folder: string, nix: typeof plain, add: (name: string) => Promise<StorePath>) => unknown,
) {
  const folder = await mkdtemp(join(tmpdir(), 'nixery-garbage-'));
  try {
    const [store, state] = [join(folder, 'store'), join(folder, 'var')];
    const environment = { ...plain.environment, NIX_STORE_DIR: store, NIX_STATE_DIR: state, NIX_LOG_DIR: state };
    const nix = { ...plain, environment };
    const add = async (name: string) => {
      const file = join(folder, name);
      await writeFile(file, name.repeat(1000));
      return (await run('nix-store', ['--add', file], { env: environment })).trim() as StorePath;
    };
    await work(folder, nix, add);
  } finally {
    await run('chmod', ['-R', 'u+w', folder], { env: plain.environment });
    await rm(folder, { recursive: true });
  }
}

describe('garbage', () => {
  it('is what no root leads to, and is kept while a build holds it', async () => {
    await withStore(async (folder, nix, add) => {
      const roots = await garbageRoots(join(folder, 'var', 'gcroots', 'nixery-run'));
      const [held, other] = [await add('held'), await add('other')];
      await roots.add('1', [held, held]);
      await roots.add('2', [held]);
      await collectGarbage(nix, Number.MAX_SAFE_INTEGER);
      assert.deepEqual([existsSync(held), existsSync(other)], [true, false]);
      await roots.remove('1');
      await collectGarbage(nix, Number.MAX_SAFE_INTEGER);
      assert.ok(existsSync(held));
      await roots.remove('2');
      await collectGarbage(nix, Number.MAX_SAFE_INTEGER);
      assert.ok(!existsSync(held));
    });
  });

  it('is no longer held by an earlier process', async () => {
    await withStore(async (folder, nix, add) => {
      const held = await add('held');
      const place = join(folder, 'var', 'gcroots', 'nixery-run');
      await (await garbageRoots(place)).add('1', [held]);
      await garbageRoots(place);
      await collectGarbage(nix, Number.MAX_SAFE_INTEGER);
      assert.ok(!existsSync(held));
    });
  });

  it('is collected until so much is freed', async () => {
    await withStore(async (_folder, nix, add) => {
      const paths = [await add('a'), await add('b'), await add('c')];
      await collectGarbage(nix, 1);
      assert.equal(paths.filter((path) => existsSync(path)).length, 2);
    });
  });
});
