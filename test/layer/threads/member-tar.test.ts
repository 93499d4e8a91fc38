import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { run } from '../../support/command.ts';
import { memberTar } from '../../../functions/layer/threads/member-tar.ts';
import { byteString, readTree, type Tree } from '../../../functions/layer/tree.ts';

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

  it('comes in whole chunks, also where one ends within a header', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nixery-member-'));
    try {
      // The folder's header, the first file's, and its content leave one block; the next header takes three.
      const chunkBytes = 256 * 1024;
      const names = ['a'.repeat(10), 'b'.repeat(200), 'c'.repeat(200)];
      const path = join(folder, 'path');
      await mkdir(path);
      for (const name of names) await writeFile(join(path, name), Buffer.alloc(chunkBytes - 3 * 512, name));
      const location = byteString(path);
      const chunks = Array.from(memberTar('p', location, await readTree(location)), (chunk) => Buffer.from(chunk));
      assert.deepEqual(
        chunks.map(({ length }) => length),
        [chunkBytes, chunkBytes, chunkBytes - 512],
      );
      const tar = join(folder, 'tar');
      await writeFile(tar, Buffer.concat(chunks));
      const unpacked = join(folder, 'unpacked');
      await mkdir(unpacked);
      await run('tar', ['--extract', '--file', tar, '--directory', unpacked]);
      await run('diff', ['--recursive', path, join(unpacked, 'p')]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('may have folders in folders by the thousand', () => {
    const deepest: Tree = { entries: [['link', { target: 'end' }]] };
    let tree = deepest;
    for (let depth = 0; depth < 1900; depth++) tree = { entries: [['d', tree]] };
    let bytes = 0;
    for (const chunk of memberTar('p', '/nowhere', tree)) bytes += chunk.length;
    // A header for each folder and the link, and an extended one where the path no longer fits into it.
    assert.ok(bytes > 1902 * 512 + 1700 * 1024, `${bytes} bytes`);
  });

  it('has no path that is too long for where clients unpack it', () => {
    let tree: Tree = { entries: [['link', { target: 'end' }]] };
    for (let depth = 0; depth < 1930; depth++) tree = { entries: [['d', tree]] };
    assert.throws(() => [...memberTar('p', '/nowhere', tree)], {
      code: 'UNFIT_FOR_IMAGE',
      message: /^\/nowhere\/d\/d.{150,300}d cannot be in an image: its path has more than 3839 bytes/,
    });
  });

  it('is refused for the first name that would delete files, before anything of its folder is packed', () => {
    const file: Tree = { size: 1 };
    const tree: Tree = {
      entries: [
        ['.wh.a', file],
        ['.wh.b', file],
        ['c', file],
      ],
    };
    const tar = memberTar('p', '/nowhere', tree);
    assert.throws(() => [...tar], { code: 'UNFIT_FOR_IMAGE', location: '/nowhere/.wh.a' });
  });
});
