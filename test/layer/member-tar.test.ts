import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { memberTar } from '../../functions/layer/member-tar.ts';
import { byteString, readTree } from '../../functions/layer/tree.ts';

describe('the tar of a store path', () => {
  it('does not follow a link that has taken the place of a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nixery-member-'));
    try {
      const [path, secret] = [join(folder, 'path'), join(folder, 'secret')];
      await mkdir(path);
      await writeFile(secret, 'a secret');
      await writeFile(join(path, 'file'), 'harmless');
      const location = byteString(path);
      const tree = await readTree(location);
      assert.match(
        Buffer.concat([...memberTar('a', location, tree)].map((chunk) => Buffer.from(chunk))).toString(),
        /harmless/,
      );
      await rm(join(path, 'file'));
      await symlink(secret, join(path, 'file'));
      assert.throws(() => [...memberTar('a', location, tree)], { code: 'ELOOP' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
