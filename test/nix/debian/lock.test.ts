import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeLock } from '../../../nix/debian/lock.ts';
import { newest, parsePackages } from '../../../nix/debian/package.ts';

function stanza(name: string, fields: Readonly<Record<string, string>> = {}): string {
  const all = { Package: name, Version: '1', Filename: `pool/${name}.deb`, SHA256: '00', ...fields };
  return Object.entries(all)
    .map(([field, value]) => `${field}: ${value}`)
    .join('\n');
}

const INDEX = [
  stanza('hello', { Depends: 'libc6', 'Installed-Size': '280' }),
  stanza('libc6', { Depends: 'libgcc-s1' }),
  stanza('libgcc-s1', { Depends: 'libc6, gcc-base' }),
  stanza('gcc-base'),
  stanza('g++', { Depends: 'libc6', Provides: 'c++-compiler' }),
  stanza('dash', { Depends: 'libc6', Essential: 'yes' }),
  stanza('sed', { Depends: 'libc6, libacl1', Essential: 'yes' }),
  stanza('libacl1', { Depends: 'libc6' }),
  stanza('netbase'),
  stanza('certificates'),
].join('\n\n');

const lock = makeLock(newest(parsePackages(INDEX, 'http://example.org/')), {
  cacert: { bare: 'certificates' },
  'iana-etc': 'netbase',
  hello: 'netbase',
  missing: 'not-there',
});
const entries = new Map(lock.packages.map((entry) => [entry.name, entry]));
const namesOf = (numbers: readonly number[] | undefined) => numbers?.map((number) => lock.packages[number]?.name);

describe('a lock', () => {
  it('joins packages that depend on each other', () => {
    assert.deepEqual(namesOf(entries.get('libc6')?.group), ['libc6', 'libgcc-s1']);
    assert.deepEqual(namesOf(entries.get('libgcc-s1')?.group), ['libc6', 'libgcc-s1']);
    assert.deepEqual(namesOf(entries.get('libc6')?.depends), ['gcc-base']);
    assert.equal(entries.get('libgcc-s1')?.depends, undefined);
    assert.equal(entries.get('hello')?.group, undefined);
  });
  it('begins with the packages that most others need, so that what one needs lies close together', () => {
    assert.deepEqual(
      lock.packages.map(({ name }) => name),
      ['libc6', 'gcc-base', 'libacl1', 'libgcc-s1', 'certificates', 'dash', 'g++', 'hello', 'netbase', 'sed'],
    );
  });
  it('names dependencies in the order of their names', () => {
    assert.deepEqual(namesOf(entries.get('sed')?.depends), ['libacl1', 'libc6']);
  });
  it('says what a package takes on a disk, where Debian does', () => {
    assert.equal(entries.get('hello')?.installedBytes, 280 * 1024);
    assert.equal(entries.get('gcc-base')?.installedBytes, undefined);
  });
  it('lets packages use only the essential ones that do not need them', () => {
    assert.deepEqual(namesOf(lock.essentials), ['dash', 'sed']);
    assert.equal(entries.get('libc6')?.level, 0);
    assert.equal(entries.get('dash')?.level, 0);
    assert.equal(entries.get('libacl1')?.level, 1);
    assert.equal(entries.get('sed')?.level, 1);
    assert.equal(entries.get('hello')?.level, undefined);
  });
  it('has a name for each package, alias and provided name, and for names with a plus', () => {
    assert.equal(lock.packages[lock.names.get('hello') as number]?.name, 'hello');
    assert.deepEqual(lock.names.get('cacert'), { bare: 'certificates' });
    assert.equal(lock.names.get('iana-etc'), 'netbase');
    assert.equal(lock.names.get('missing'), undefined);
    assert.equal(lock.names.get('c++-compiler'), 'g++');
    assert.equal(lock.names.get('gxx'), 'g++');
    assert.equal(lock.names.get('cxx-compiler'), 'c++-compiler');
  });
});
