import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { choose } from '../../../nix/debian/choose.ts';
import { newest, parsePackages } from '../../../nix/debian/package.ts';

/** Packages from short lines: name, version, fields. */
function packagesOf(...stanzas: readonly string[]) {
  const index = stanzas
    .map((stanza) => {
      const [name = '', version = '', ...fields] = stanza.split('; ');
      return [`Package: ${name}`, `Version: ${version}`, `Filename: pool/${name}.deb`, 'SHA256: 00', ...fields].join(
        '\n',
      );
    })
    .join('\n\n');
  return newest(parsePackages(index, 'http://example.org/'));
}

describe('the newest packages', () => {
  it('are taken by Debian versions, in the order of their names', () => {
    const packages = packagesOf('b; 1.9', 'a; 1', 'b; 1.10', 'b; 1.10~rc1');
    assert.deepEqual(
      [...packages.values()].map(({ name, version }) => [name, version]),
      [
        ['a', '1'],
        ['b', '1.10'],
      ],
    );
  });
  it('do not depend on what only maintainer scripts need', () => {
    const packages = packagesOf(
      'daemon; 1; Pre-Depends: dpkg (>= 1.17); Depends: debconf (>= 0.5) | debconf-2.0, adduser, tool',
      'tool; 1; Depends: dpkg (>= 1.18~), reader',
      'reader; 1; Depends: dpkg (>= 1.15.4) | install-info, init-system-helpers',
      'dpkg; 1.21',
      'debconf; 1; Provides: debconf-2.0',
      'adduser; 1',
      'init-system-helpers; 1',
    );
    const { depends } = choose(packages);
    assert.deepEqual(depends.get('daemon'), ['tool']);
    assert.deepEqual(depends.get('tool'), ['dpkg', 'reader']);
    assert.deepEqual(depends.get('reader'), []);
  });
});

describe('what a package needs and does not say', () => {
  it('is chosen where there is such a package', () => {
    const { depends } = choose(packagesOf('libext2fs2; 1; Depends: libc6', 'libcom-err2; 1', 'libc6; 1'));
    assert.deepEqual(depends.get('libext2fs2'), ['libc6', 'libcom-err2']);
    assert.deepEqual(choose(packagesOf('libext2fs2; 1')).depends.get('libext2fs2'), []);
  });
});

describe('a group of alternatives', () => {
  it('takes the first that is a package whose version fits', () => {
    const { depends } = choose(packagesOf('a; 1; Depends: b (>= 2) | c | d', 'b; 1', 'c; 1', 'd; 1'));
    assert.deepEqual(depends.get('a'), ['c']);
  });
  it('prefers a package to a provided name that stands before it', () => {
    const { depends } = choose(packagesOf('a; 1; Depends: mta | exim', 'postfix; 1; Provides: mta', 'exim; 1'));
    assert.deepEqual(depends.get('a'), ['exim']);
  });
  it('takes the provider with the highest priority, then the first by name', () => {
    const packages = packagesOf(
      'base; 1; Depends: awk, mta',
      'gawk; 1; Priority: optional; Provides: awk',
      'mawk; 1; Priority: required; Provides: awk',
      'postfix; 1; Provides: mta',
      'exim; 1; Provides: mta',
    );
    assert.deepEqual(choose(packages).depends.get('base'), ['exim', 'mawk']);
  });
  it('with a version is met by a provider only if it says which version it provides', () => {
    const packages = packagesOf(
      'a; 1; Depends: x (>= 2)',
      'one; 9; Provides: x',
      'two; 9; Provides: x (= 1)',
      'zoo; 9; Provides: x (= 2)',
    );
    assert.deepEqual(choose(packages).depends.get('a'), ['zoo']);
  });
  it('that nothing meets is told, and the package itself never counts', () => {
    const { depends, unmet } = choose(packagesOf('a; 1; Depends: gone | lost, a'));
    assert.deepEqual(unmet.get('a'), ['gone | lost']);
    assert.deepEqual(depends.get('a'), []);
  });
});

describe('provided names', () => {
  it('lead to a provider unless a package has the name or the provider is a crate of Rust', () => {
    const { provided } = choose(
      packagesOf(
        'mawk; 1; Provides: awk, gawk',
        'gawk; 1; Provides: awk',
        'librust-a-dev; 1; Section: rust; Provides: librust-a+b-dev (= 1)',
      ),
    );
    assert.deepEqual([...provided], [['awk', 'gawk']]);
  });
});
