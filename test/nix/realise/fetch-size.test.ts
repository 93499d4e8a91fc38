import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unpackedBytes } from '../../../functions/nix/realise/fetch-size.ts';

describe('what Nix announces to fetch', () => {
  it('is read in the words of old and new versions', () => {
    const one = 'this path will be fetched (0.02 MiB download, 0.12 MiB unpacked):\n  /nix/store/x';
    const many = `this derivation will be built:\n  /nix/store/y.drv\nthese 2 paths will be fetched (1.5 GiB download, 2 GiB unpacked):\n`;
    assert.equal(unpackedBytes(one), Math.ceil(0.12 * 2 ** 20));
    assert.equal(unpackedBytes(many), 2 * 2 ** 30);
    assert.equal(unpackedBytes('these 12 paths will be fetched (12.00 KiB download, 40.50 KiB unpacked):'), 41_472);
  });

  it('is nothing when all is there or is built', () => {
    assert.equal(unpackedBytes(''), 0);
    assert.equal(unpackedBytes('this derivation will be built:\n  /nix/store/y.drv\n'), 0);
  });
});
