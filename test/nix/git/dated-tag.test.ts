import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { datedTags, parseDatedTag } from '../../../functions/nix/git/dated-tag.ts';

const commit = (digit: string) => digit.repeat(40);

describe('a dated tag', () => {
  it('is the branch, the time and the commit', () => {
    const commits = [{ commit: commit('a'), madeAtS: 1_700_000_000 }];
    assert.deepEqual(datedTags({ branch: 'main', commits }), ['main-1700000000-aaaaaaaaaaaa']);
    assert.deepEqual(parseDatedTag('rel-1-2-1700000000-aaaaaaaaaaaa'), {
      ...{ branch: 'rel-1-2', madeAtS: 1_700_000_000, shortCommit: 'a'.repeat(12) },
    });
  });

  it('is none with another time, or none that can be a tag', () => {
    for (const tag of ['main', 'main-01-aaaaaaaaaaaa', 'main-1-aaaaaaaaaaa', '1-aaaaaaaaaaaa'])
      assert.equal(parseDatedTag(tag), undefined, tag);
    const commits = [{ commit: commit('a'), madeAtS: 1 }];
    for (const branch of ['with/slash', 'ü', 'x'.repeat(120)]) assert.deepEqual(datedTags({ branch, commits }), []);
    assert.deepEqual(datedTags({ branch: 'main', commits: [{ commit: commit('a'), madeAtS: -1 }] }), []);
  });

  it('is left out where a later commit is as old or older: the newest is always the last', () => {
    const commits = [
      { commit: commit('a'), madeAtS: 100 },
      { commit: commit('b'), madeAtS: 100 },
      { commit: commit('c'), madeAtS: 5_000 },
      { commit: commit('d'), madeAtS: 99 },
    ];
    assert.deepEqual(datedTags({ branch: 'm', commits }), ['m-100-aaaaaaaaaaaa', 'm-99-dddddddddddd']);
  });
});
