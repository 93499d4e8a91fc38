import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseStanzas } from '../../../nix/debian/control.ts';

const INDEX = `Package: hello
Version: 2.10-3
Description: example package
 based on GNU hello
Depends: libc6 (>= 2.34)

Package: git
Tag: a,
 b
Depends: libc6
`;

describe('a Packages index', () => {
  it('is read stanza by stanza, with the wanted fields only', () => {
    const stanzas = [...parseStanzas(INDEX, new Set(['Package', 'Description', 'Depends']))];
    assert.deepEqual(
      stanzas.map((stanza) => Object.fromEntries(stanza)),
      [
        { Package: 'hello', Description: 'example package\nbased on GNU hello', Depends: 'libc6 (>= 2.34)' },
        { Package: 'git', Depends: 'libc6' },
      ],
    );
  });
  it('may be empty, and may have empty lines at its end', () => {
    assert.deepEqual([...parseStanzas('', new Set(['Package']))], []);
    assert.equal([...parseStanzas('Package: a\n\n\n\nPackage: b', new Set(['Package']))].length, 2);
  });
  it('that is something else is refused', () => {
    assert.throws(() => [...parseStanzas('<html>\n', new Set(['Package']))], /not a field/);
  });
});
