import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
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
    const versions = ['1', '1.0', '1.0-0', '1.0~', '1:0', '1.0+dfsg', '1.0a', '1.00b'];
    const pairs = versions.flatMap((a) => versions.map((b) => [a, b] as const));
    const loop =
      'while [ $# -gt 0 ]; do if dpkg --compare-versions "$1" lt "$2"; then echo true; else echo false; fi; shift 2; done';
    const said = execFileSync('sh', ['-c', loop, 'sh', ...pairs.flat()], { encoding: 'utf8' })
      .trim()
      .split('\n');
    const ours = pairs.map(([a, b]) => String(compareVersions(a, b) < 0));
    assert.deepEqual(ours, said);
  });
});

function hasDpkg(): boolean {
  // On another system there is nothing to compare with.
  return spawnSync('dpkg', ['--version']).error === undefined;
}
