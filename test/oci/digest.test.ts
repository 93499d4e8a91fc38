import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { digestFromHex, digestOfBytes, hexOf, parseDigest } from '../../functions/oci/digest.ts';

// SHA-256 of nothing and of "abc" (FIPS 180-4, example B.1).
const OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const OF_ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

describe('a digest', () => {
  it('is the SHA-256 of bytes', () => {
    assert.equal(digestOfBytes(''), `sha256:${OF_NOTHING}`);
    assert.equal(digestOfBytes('abc'), `sha256:${OF_ABC}`);
    assert.equal(digestOfBytes(Buffer.from('abc')), `sha256:${OF_ABC}`);
  });

  it('is read from its text', () => {
    assert.equal(parseDigest(`sha256:${OF_ABC}`), `sha256:${OF_ABC}`);
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['no algorithm', OF_ABC],
    ['an empty algorithm', `:${OF_ABC}`],
    ['another algorithm', `sha512:${OF_ABC}${OF_ABC}`],
    ['an algorithm in capitals', `SHA256:${OF_ABC}`],
    ['capital digits', `sha256:${OF_ABC.toUpperCase()}`],
    ['a digit too few', `sha256:${OF_ABC.slice(1)}`],
    ['a digit too many', `sha256:${OF_ABC}0`],
    ['a digit that is none', `sha256:g${OF_ABC.slice(1)}`],
    ['a line break behind it', `sha256:${OF_ABC}\n`],
    ['a space before it', ` sha256:${OF_ABC}`],
    ['another line before it', `x\nsha256:${OF_ABC}`],
  ] as const) {
    it(`is not read from ${what}`, () => {
      assert.equal(parseDigest(text), undefined);
    });
  }

  it('becomes digits and a digest again', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const digest = digestOfBytes(bytes);
        assert.equal(hexOf(digest), createHash('sha256').update(bytes).digest('hex'));
        assert.equal(digestFromHex(hexOf(digest)), digest);
        assert.equal(parseDigest(digest), digest);
      }),
    );
  });

  it('is not made of other digits', () => {
    for (const hex of ['', OF_ABC.toUpperCase(), OF_ABC.slice(1), `${OF_ABC}0`, `${OF_ABC}\n`, `sha256:${OF_ABC}`]) {
      assert.throws(() => digestFromHex(hex), RangeError, JSON.stringify(hex));
    }
  });
});
