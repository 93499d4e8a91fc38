import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agreeOnPaths } from '../../../functions/builder/packages/agree-on-paths.ts';
import { packageRecord } from '../../../functions/builder/package-record.ts';
import { type ClosurePath, parseStorePath } from '../../../functions/nix/store-path.ts';

function path(name: string, narHash: string): ClosurePath {
  const parsed = parseStorePath(`/nix/store/${'0'.repeat(32)}-${name}`);
  assert.ok(parsed !== undefined);
  return { path: parsed, narHash, narSizeBytes: 1, references: [] };
}

function record(attribute: string, closure: ClosurePath[]) {
  const outputs = closure.slice(0, 1).map((one) => one.path);
  const more = { name: attribute, packageVersion: null, mainProgram: null, priority: null, propagated: [], trees: {} };
  return packageRecord({ attribute, attributePath: attribute, outputs, closure, ...more });
}

describe('records that name one path with two contents', () => {
  it('agree on the content of the first, and the others are changed', () => {
    const a = record('a', [path('a', 'x'), path('shared', 'one')]);
    const b = record('b', [path('b', 'y'), path('shared', 'two')]);
    const c = record('c', [path('c', 'z')]);
    const [first, second, third] = agreeOnPaths([a, b, c]);
    assert.equal(first, a);
    assert.deepEqual(second?.closure, [path('b', 'y'), path('shared', 'one')]);
    assert.equal(third, c);
  });

  it('are left alone when they agree', () => {
    const records = [record('a', [path('shared', 'one')]), record('b', [path('shared', 'one')])];
    agreeOnPaths(records).forEach((one, index) => {
      assert.equal(one, records[index]);
    });
  });
});
