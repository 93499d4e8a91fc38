import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRelations, satisfies } from '../../../nix/debian/relation.ts';

describe('a relationship field', () => {
  it('has groups of alternatives with constraints', () => {
    assert.deepEqual(parseRelations('libc6 (>= 2.34), awk | gawk (<<5), python3:any,'), [
      [{ name: 'libc6', constraint: { operator: '>=', version: '2.34' } }],
      [{ name: 'awk' }, { name: 'gawk', constraint: { operator: '<<', version: '5' } }],
      [{ name: 'python3' }],
    ]);
  });
  it('may use the old operators', () => {
    assert.deepEqual(parseRelations('a (< 1)'), [[{ name: 'a', constraint: { operator: '<=', version: '1' } }]]);
  });
  it('that is not well formed is refused', () => {
    assert.throws(() => parseRelations('a (~ 1)'), /not a relationship/);
  });
});

describe('a constraint', () => {
  for (const [version, operator, expected] of [
    ['1.0', '<<', false],
    ['1.0~', '<<', true],
    ['1.0', '<=', true],
    ['1.0', '=', true],
    ['1.0-1', '=', false],
    ['1.0', '>=', true],
    ['1.0', '>>', false],
    ['1.1', '>>', true],
  ] as const) {
    it(`${operator} 1.0 ${expected ? 'allows' : 'refuses'} ${version}`, () => {
      assert.equal(satisfies(version, { operator, version: '1.0' }), expected);
    });
  }
});
