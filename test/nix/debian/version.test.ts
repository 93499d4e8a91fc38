import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { compareVersions } from '../../../nix/debian/version.ts';

describe('the order of Debian versions', () => {
  const ordered = [
    ['1.0~rc1', '1.0'],
    ['1.0~~', '1.0~'],
    ['1.0', '1.0-1'],
    ['1.0-1', '1.0-1+b1'],
    ['1.0-1+b1', '1.0-1.1'],
    ['1.9', '1.10'],
    ['1.0a', '1.0+'],
    ['2.39.5-0+deb12u2', '2.39.5-0+deb12u3'],
    ['9.9', '1:0.1'],
    ['1.2.3-4-5', '1.2.3-4-6'],
  ] as const;
  for (const [older, newer] of ordered) {
    it(`puts ${older} before ${newer}`, () => {
      assert.ok(compareVersions(older, newer) < 0);
      assert.ok(compareVersions(newer, older) > 0);
    });
  }
  it('holds versions with leading zeros for equal', () => {
    assert.equal(compareVersions('1.01', '1.1'), 0);
    assert.equal(compareVersions('0:1.1', '1.1'), 0);
  });
  it('agrees with dpkg', { skip: !hasDpkg() }, () => {
    const versions = [
      '1',
      '1.0',
      '1.0-0',
      '1.0~',
      '1:0',
      '1.0+dfsg',
      '1.0a',
      '1.00b',
      '1.0.',
      '1.0-1~bpo',
      '0',
      '10',
      '9',
    ];
    for (const a of versions) {
      for (const b of versions) {
        const sign = Math.sign(compareVersions(a, b));
        assert.equal(sign, dpkgOrder(a, b), `${a} and ${b}`);
      }
    }
  });
});

function hasDpkg(): boolean {
  try {
    execFileSync('dpkg', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    // Not a Debian machine: there is nothing to compare with.
    return false;
  }
}

function dpkgOrder(a: string, b: string): number {
  for (const [operator, sign] of [
    ['lt', -1],
    ['gt', 1],
  ] as const) {
    try {
      execFileSync('dpkg', ['--compare-versions', a, operator, b], { stdio: 'ignore' });
      return sign;
    } catch (error) {
      if (!(error instanceof Error && 'status' in error && error.status === 1)) throw error;
    }
  }
  return 0;
}
