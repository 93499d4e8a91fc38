import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { components, reachable } from '../../../nix/debian/graph.ts';

describe('strongly connected components', () => {
  it('are the cycles, dependencies first', () => {
    const edges = new Map([
      ['hello', ['libc6']],
      ['libc6', ['libgcc-s1']],
      ['libgcc-s1', ['libc6', 'base']],
      ['base', []],
      ['perl', ['modules', 'libc6']],
      ['modules', ['perl']],
    ]);
    assert.deepEqual(components(edges), [['base'], ['libc6', 'libgcc-s1'], ['hello'], ['modules', 'perl']]);
  });
  it('are found in a chain of 100,000', () => {
    const edges = new Map(Array.from({ length: 100_000 }, (_, index) => [`${index}`, [`${(index + 1) % 100_000}`]]));
    assert.equal(components(edges).length, 1);
  });
});

describe('what can be reached', () => {
  it('has the start and follows cycles once', () => {
    const edges = new Map([
      ['a', ['b']],
      ['b', ['a', 'c']],
      ['d', ['a']],
    ]);
    assert.deepEqual([...reachable(edges, 'a')].sort(), ['a', 'b', 'c']);
  });
});
