import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { describePackages } from '../../../functions/builder/packages/describe.ts';
import { rememberedTrees } from '../../../functions/builder/packages/remembered-trees.ts';
import { closureOf } from '../../../functions/nix/closure/closure.ts';
import { run } from '../../../functions/nix/process/process.ts';
import { realise } from '../../../functions/nix/realise/realise.ts';
import { resolve } from '../../../functions/nix/resolve/resolve.ts';
import type { ClosurePath } from '../../../functions/nix/store-path.ts';
import { temporaryFolder } from '../../layer/fixture.ts';
import { nix } from '../../support/nix.ts';

describe('what Nix has found', () => {
  it('is built again when somebody collects it between the closure and the listing', async () => {
    // Nobody else's, so that it can be deleted.
    const folder = temporaryFolder();
    const name = `collected-${randomBytes(8).toString('hex')}`;
    writeFileSync(
      join(folder, 'default.nix'),
      `{ system, ... }: { one = derivation {
         name = "${name}"; inherit system; builder = "/bin/sh"; args = [ "-ec" "echo text > $out" ];
       }; }`,
    );
    const source = { kind: 'folder', path: folder } as const;
    const found = (await resolve(nix, { source, system: 'x86_64-linux', attributes: ['one'] })).filter(
      (one) => one.kind === 'found',
    );
    const outputs = found.flatMap((one) => one.outputs);
    const [output] = outputs;
    assert.ok(output !== undefined);
    await realise(nix, outputs);
    const closure = await closureOf(nix, [output.path]);
    assert.ok(closure !== undefined);

    const told: (readonly ClosurePath[])[] = [];
    const query = {
      async closureOf() {
        await run('nix-store', ['--delete', output.path], { env: nix.environment });
        return closure;
      },
      close: () => Promise.resolve(),
    };
    const whenClosure = (paths: readonly ClosurePath[]) => {
      assert.ok(!existsSync(output.path));
      told.push(paths);
      return Promise.resolve();
    };
    const [record] = await describePackages(nix, found, query, rememberedTrees(), { whenClosure });
    assert.deepEqual(record?.closure, closure);
    assert.deepEqual(record.trees, { [output.path]: { size: 5 } });
    assert.deepEqual(told, [closure]);
  });
});
