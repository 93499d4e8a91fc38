import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { environmentOf } from '../../../functions/builder/make/environment.ts';
import { rootTree } from '../../../functions/layer/root/root.ts';
import { type Files, program, storePath, treeOf } from '../../layer/fixture.ts';

const EVERYWHERE = ['PATH=/bin:/usr/games', 'SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt'];

function environmentWith(...outputs: readonly Files[]): readonly string[] {
  const propagated = outputs.map((files, index) => ({ path: storePath(`one${index}`), tree: treeOf(files) }));
  return environmentOf(rootTree({ requested: [], propagated }).root);
}

const shell: Files = { bin: { bash: program('') }, lib: { 'libc.so': '' } };

describe('the environment of an image', () => {
  it('says nothing of letters where there is no locale', () => {
    assert.deepEqual(environmentWith(shell), EVERYWHERE);
  });
  it("is UTF-8 where Debian's C library has the locale of all letters", () => {
    const locale = { lib: { locale: { 'C.utf8': { LC_CTYPE: '' } } } };
    assert.deepEqual(environmentWith(shell, locale), [...EVERYWHERE, 'LANG=C.UTF-8']);
  });
  it("is UTF-8 where nixpkgs' archive of locales is, and says where", () => {
    const locales = { lib: { locale: { 'locale-archive': '' } } };
    const expected = [...EVERYWHERE, 'LANG=C.UTF-8', 'LOCALE_ARCHIVE=/lib/locale/locale-archive'];
    assert.deepEqual(environmentWith(shell, locales), expected);
  });
});
