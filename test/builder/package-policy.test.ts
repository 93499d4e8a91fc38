import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { admitBy, PackageDeniedError, packagePolicy, subjectOf } from '../../functions/builder/package-policy.ts';
import { comesToAnEnd } from '../support/end.ts';

const subject = (attributePath: string, packageName = attributePath) => ({ attributePath, packageName });

describe('a policy of packages', () => {
  for (const [allow, deny, attributePath, packageName, isAllowed] of [
    [undefined, [], 'anything', 'anything', true],
    [undefined, ['nmap'], 'nmap', 'nmap', false],
    [undefined, ['nmap'], 'nmapsi4', 'nmapsi4', true],
    [undefined, ['nmap*'], 'nmapsi4', 'nmapsi4', false],
    // Another attribute of the same package, and another case.
    [undefined, ['nmap'], 'pkgsOld.scanner', 'nmap', false],
    [undefined, ['python3packages.*'], 'python3Packages.requests', 'python3.13-requests', false],
    [undefined, ['*.requests'], 'python3Packages.requests', 'python3.13-requests', false],
    [undefined, ['g++'], 'g++', 'g++', false],
    [undefined, ['g.+'], 'gxx', 'gxx', true],
    [['git', 'python3Packages.*'], [], 'git', 'git', true],
    [['git', 'python3Packages.*'], [], 'python3Packages.requests', 'x', true],
    [['git', 'python3Packages.*'], [], 'python3packages.requests', 'x', false],
    [['git'], [], 'gitFull', 'git', false],
    [['*'], ['git'], 'git', 'git', false],
    [[], [], 'git', 'git', false],
  ] as const) {
    it(`that allows ${JSON.stringify(allow ?? 'all')} and denies ${JSON.stringify(deny)} ${isAllowed ? 'gives' : 'refuses'} ${attributePath}`, () => {
      const refusal = packagePolicy({ allow, deny }).refusal([
        subject('fine*', 'x'),
        subject(attributePath, packageName),
      ]);
      const about = new RegExp(`(^|; )${attributePath.replaceAll(/[+.]/g, '\\$&')} (may not|is not among)`);
      if (isAllowed) assert.doesNotMatch(refusal ?? '', about);
      else assert.match(refusal ?? '', about);
    });
  }

  it('refuses exactly what a list of plain names holds', () => {
    const name = fc.stringMatching(/^[a-z0-9_.+-]{1,8}$/);
    fc.assert(
      fc.property(fc.uniqueArray(name), name, (names, one) => {
        const isListed = names.includes(one);
        assert.equal(packagePolicy({ allow: undefined, deny: names }).refusal([subject(one)]) === undefined, !isListed);
        assert.equal(packagePolicy({ allow: names, deny: [] }).refusal([subject(one)]) === undefined, isListed);
      }),
    );
  });

  it('takes a star for what a regular expression takes `.*` for', () => {
    const text = fc.stringMatching(/^[ab.]{0,8}$/);
    fc.assert(
      fc.property(fc.stringMatching(/^[ab.*]{1,6}$/), text, (pattern, one) => {
        const expression = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
        const refusal = packagePolicy({ allow: undefined, deny: [pattern] }).refusal([subject(one)]);
        assert.equal(refusal !== undefined, expression.test(one));
      }),
      { numRuns: 2000 },
    );
  });

  it('comes to an end whatever the pattern', () => {
    const policy = packagePolicy({ allow: undefined, deny: [`${'*a'.repeat(60)}*b`] });
    assert.equal(
      comesToAnEnd(() => policy.refusal([subject('a'.repeat(255))])),
      undefined,
    );
  });
});

describe('what a policy goes by', () => {
  it('is the name of a package without its version', () => {
    const nameOf = (name: string, version: string | null) =>
      subjectOf({ attributePath: 'x', name, version }).packageName;
    assert.equal(nameOf('hello-2.10', '2.10'), 'hello');
    assert.equal(nameOf('nmap-7.95', null), 'nmap');
    assert.equal(nameOf('source-7zip-unstable', null), 'source');
    assert.equal(nameOf('plain', null), 'plain');
  });
});

describe('what keeps Nix from building', () => {
  it('throws for what is denied and lets pass what images always hold', () => {
    const admit = admitBy(packagePolicy({ allow: ['git'], deny: [] }), ['cacert']);
    const named = (attribute: string) => ({
      attribute,
      attributePath: attribute,
      name: `${attribute}-1`,
      version: '1',
    });
    admit([named('git'), named('cacert')]);
    assert.throws(
      () => {
        admit([named('git'), named('nmap'), named('jq')]);
      },
      (error) => error instanceof PackageDeniedError && /nmap is not among.*; jq is not among/.test(error.message),
    );
  });
});
