import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { packageSearch } from '../../functions/builder/package-search.ts';

const rows = [
  ['bat', '1', 'like cat, with wings', ''],
  ['cat', '2', 'prints files', '2048'],
  ['catdoc', '3', 'extracts text', ''],
  ['concat', '4', 'joins ïnput <b>bold</b>', ''],
  ['dog', '', '', ''],
  ['x-cat', '5', 'another', ''],
] as const;
const column = (index: 0 | 1 | 2 | 3) => rows.map((row) => row[index]).join('\n');
const packages = packageSearch({
  names: column(0),
  versions: column(1),
  descriptions: column(2),
  sizes: column(3),
});
const namesOf = (query: string, limit = 10) => packages.search(query, limit).packages.map(({ name }) => name);

describe('searching packages', () => {
  it('has exact names first, then beginnings, words, parts of words and descriptions', () => {
    assert.deepEqual(namesOf('cat'), ['cat', 'catdoc', 'x-cat', 'concat', 'bat']);
  });

  it('wants every word, wherever it stands, and does not mind the case', () => {
    assert.deepEqual(namesOf('FILES cat'), ['cat']);
    assert.deepEqual(namesOf('cat wings'), ['bat']);
    assert.deepEqual(namesOf('ïnput'), ['concat']);
    assert.deepEqual(namesOf('cat dog'), []);
  });

  it('never finds a word across the end of a line', () => {
    assert.deepEqual(namesOf('doc concat'), []);
    assert.deepEqual(packages.search('bat\ncat', 10).total, 1);
  });

  it('says how many there are beyond the limit, and lists all without a word', () => {
    assert.equal(packages.search('cat', 2).total, 5);
    assert.deepEqual(namesOf('cat', 2), ['cat', 'catdoc']);
    assert.deepEqual(namesOf('', 2), ['bat', 'cat']);
  });

  it('gives what is known of a package, and nothing for one that there is not', () => {
    assert.deepEqual(packages.find('cat'), { name: 'cat', version: '2', description: 'prints files', sizeBytes: 2048 });
    assert.deepEqual(packages.find('dog'), {
      name: 'dog',
      version: undefined,
      description: undefined,
      sizeBytes: undefined,
    });
    for (const name of ['', 'a', 'ca', 'zebra', 'cat\nx']) assert.equal(packages.find(name), undefined, name);
  });

  it('is empty for a set without packages', () => {
    const none = packageSearch({ names: '', versions: '', descriptions: '', sizes: '' });
    assert.deepEqual([none.size, none.search('a', 5)], [0, { total: 0, packages: [] }]);
  });
});
