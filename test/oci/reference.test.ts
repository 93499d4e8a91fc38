import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseReference, parseRepositoryName, parseTag } from '../../functions/oci/reference.ts';
import { comesToAnEnd } from '../support/end.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

// The grammar as distribution-spec 1.1 ("Pulling manifests") prints it.
const SPEC_NAME = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const SPEC_TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

describe('a repository name', () => {
  const names: Readonly<Record<string, boolean>> = {
    shell: true,
    'shell/git/htop': true,
    'a/b/c/d/e/f/g/h': true,
    '0ad': true,
    'python3.withpackages': true,
    'a.b': true,
    a_b: true,
    a__b: true,
    'a-b': true,
    'a---b': true,
    'gcc-13.2.0': true,
    'x/0': true,
    '': false,
    '/': false,
    '/shell': false,
    'shell/': false,
    'shell//git': false,
    Shell: false,
    'shell/Git': false,
    'a..b': false,
    a___b: false,
    'a.-b': false,
    'a-.b': false,
    '.a': false,
    'a.': false,
    '-a': false,
    'a-': false,
    _a: false,
    a_: false,
    'gtk+': false,
    'shell:latest': false,
    'shell@x': false,
    'sh ell': false,
    'shell\n': false,
    'sh\nell': false,
    shéll: false,
    'shell/../git': false,
    'shell%2fgit': false,
    ['a'.repeat(255)]: true,
    ['a'.repeat(256)]: false,
    [`${'a/'.repeat(127)}a`]: true,
    [`${'a/'.repeat(128)}a`]: false,
  };
  for (const [name, isName] of Object.entries(names)) {
    const shown = name.length > 40 ? `${name.slice(0, 10)}... of ${name.length} characters` : JSON.stringify(name);
    it(`${isName ? 'can' : 'cannot'} be ${shown}`, () => {
      assert.equal(parseRepositoryName(name), isName ? name : undefined);
    });
  }

  it('is what the grammar of the specification says, up to 255 characters', () => {
    const pieces = fc.array(fc.constantFrom('a', 'z', '0', '9', '.', '_', '__', '-', '/', 'A', ' ', '\n', '+', 'é'), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('');
        assert.equal(parseRepositoryName(text) !== undefined, SPEC_NAME.test(text), JSON.stringify(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is refused, however long it is', () => {
    for (const hard of [`${'a-'.repeat(100_000)}!`, `${'a'.repeat(254)}!`, '-'.repeat(200), `a${'-'.repeat(200)}!`]) {
      assert.equal(
        comesToAnEnd(() => parseRepositoryName(hard)),
        undefined,
      );
    }
  });
});

describe('a tag', () => {
  it('is what the grammar of the specification says', () => {
    const pieces = fc.array(fc.constantFrom('a', 'Z', '0', '_', '.', '-', ':', '/', ' ', '\n', 'é', '@'), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('');
        assert.equal(parseTag(text), SPEC_TAG.test(text) ? text : undefined);
      }),
      { numRuns: 2_000 },
    );
  });

  for (const [tag, isTag] of [
    ['latest', true],
    ['nixos-25.11', true],
    ['_private', true],
    ['1', true],
    ['V1.0', true],
    ['a'.repeat(128), true],
    ['a'.repeat(129), false],
    ['', false],
    ['.hidden', false],
    ['-flag', false],
    ['a/b', false],
    ['latest\n', false],
  ] as const) {
    it(`${isTag ? 'can' : 'cannot'} be ${JSON.stringify(tag.slice(0, 20))}, ${tag.length} characters`, () => {
      assert.equal(parseTag(tag), isTag ? tag : undefined);
    });
  }
});

describe('a reference', () => {
  it('is a tag', () => {
    assert.deepEqual(parseReference('latest'), { kind: 'tag', tag: 'latest' });
  });

  it('is a digest', () => {
    assert.deepEqual(parseReference(DIGEST), { kind: 'digest', digest: DIGEST });
  });

  it('is a tag when it is a commit', () => {
    const commit = '0123456789'.repeat(4);
    assert.deepEqual(parseReference(commit), { kind: 'tag', tag: commit });
  });

  for (const text of [
    '',
    'a b',
    'sha256:',
    'sha256:abc',
    `md5:${'0'.repeat(32)}`,
    DIGEST.toUpperCase(),
    `latest@${DIGEST}`,
    'a:b',
  ]) {
    it(`is not ${JSON.stringify(text.slice(0, 30))}`, () => {
      assert.equal(parseReference(text), undefined);
    });
  }

  it('is read back from what it was made of', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/), (tag) => {
        assert.deepEqual(parseReference(tag), { kind: 'tag', tag });
      }),
    );
  });
});
