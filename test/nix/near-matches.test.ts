import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { editDistance, nearMatches } from '../../functions/nix/near-matches.ts';

describe('near matches', () => {
  it('are the most alike first', () => {
    const names = ['python3', 'python3-pip', 'python2', 'pyzor', 'perl', 'python3.11'];
    assert.deepEqual(nearMatches('pyhton3', names).slice(0, 2), ['python3', 'python2']);
  });

  it('are names that go on, or hold the name', () => {
    assert.deepEqual(nearMatches('postgres', ['postgresql', 'xyz', 'libpostgres-java']), [
      'postgresql',
      'libpostgres-java',
    ]);
  });

  it('look at the last part of a nested name only', () => {
    assert.deepEqual(nearMatches('python3packages.request', ['requests']), ['requests']);
  });

  it('are not offered when nothing is alike, and five at the most', () => {
    assert.deepEqual(nearMatches('zzzzzz', ['a', 'hello']), []);
    assert.equal(
      nearMatches(
        'lib',
        Array.from({ length: 30 }, (_, index) => `lib${index}`),
      ).length,
      5,
    );
  });
});

describe('the edit distance', () => {
  for (const [a, b, distance] of [
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['abc', 'acb', 1],
    ['kitten', 'sitting', 3],
    ['helo', 'hello', 1],
  ] as const) {
    it(`of ${JSON.stringify(a)} and ${JSON.stringify(b)} is ${distance}`, () => {
      assert.equal(editDistance(a, b), distance);
      assert.equal(editDistance(b, a), distance);
    });
  }
});
