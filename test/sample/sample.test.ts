import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { casesOf, knownUses, outcomesIn, scriptOf } from './cases.ts';
import { isSame } from './compare.ts';
import { draw } from './draw.ts';

describe('a draw of packages', () => {
  const candidates = Array.from({ length: 400 }, (_, index) => ({ name: `p${index}`, needed: index < 20 ? 500 : 0 }));
  it('is decided by its seed, and has each package once', () => {
    assert.deepEqual(draw(candidates, 7), draw(candidates, 7));
    assert.notDeepEqual(draw(candidates, 7), draw(candidates, 8));
    assert.equal(new Set(draw(candidates, 7)).size, candidates.length);
  });
  it('has what many need before the rest', () => {
    const first = draw(candidates, 7).slice(0, 20);
    assert.ok(first.filter(({ needed }) => needed > 0).length >= 18);
  });
});

describe('what is done with a package', () => {
  it('is what it is known for, for a hundred of them', () => {
    assert.ok(knownUses().size >= 100, `${knownUses().size} uses`);
    assert.match(knownUses().get('jq') ?? '', /jq -c/);
  });
  it('is else to ask its programs, to load its modules, or to look for its files', () => {
    const whatOf = (...files: readonly string[]) => casesOf(files).map(({ what }) => what);
    assert.deepEqual(whatOf('/usr/bin/tool', '/usr/share/tool/a'), ['tool --version', 'tool --help']);
    assert.deepEqual(whatOf('/usr/lib/python3/dist-packages/six.py'), [`python3 -c 'import six'`]);
    assert.deepEqual(whatOf('/usr/share/perl5/A/B.pm'), ['perl -MA::B -e 1']);
    assert.deepEqual(whatOf('/usr/share/fonts/a.ttf', '/usr/share/doc/a/copyright'), ['files']);
  });
  it('comes back as it was printed, with the status', () => {
    const cases = ['echo "ä"; exit 3', '[ -z "$(ls)" ] && echo 1', `echo "it's" >&2`].map((script) => ({
      what: 'try',
      script,
    }));
    const folder = mkdtempSync(join(tmpdir(), 'sample-'));
    const env = { ...process.env, TMPDIR: folder };
    const printed = execFileSync('bash', ['-c', scriptOf(cases)], { env }).toString();
    rmSync(folder, { recursive: true });
    assert.deepEqual(outcomesIn(printed), [
      { status: 3, printed: 'ä\n' },
      { status: 0, printed: '1\n' },
      { status: 0, printed: "it's\n" },
    ]);
  });
});

describe('two outcomes', () => {
  const path = `/nix/store/${'a'.repeat(32)}-tool-1`;
  it('are the same but for where a store has what lies below /usr', () => {
    assert.ok(
      isSame({ status: 0, printed: 'usage: /usr/bin/tool' }, { status: 0, printed: `usage: ${path}/bin/tool` }),
    );
    assert.ok(!isSame({ status: 0, printed: 'usage: tool' }, { status: 0, printed: 'usage: other' }));
  });
  it('differ in their status', () => {
    assert.ok(!isSame({ status: 0, printed: '' }, { status: 1, printed: '' }));
  });
});
