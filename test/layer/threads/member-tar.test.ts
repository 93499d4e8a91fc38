import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { run } from '../../support/command.ts';
import { localSource, readTree } from '../../../functions/layer/source/source.ts';
import type { Tree } from '../../../functions/layer/tree.ts';
import { link, program, sha256, tarChunks, temporaryFolder, write } from '../fixture.ts';
import { memoryReader } from '../source/memory-reader.ts';

describe('the tar of a store path', () => {
  it('does not follow a link that has taken the place of a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nixery-member-'));
    try {
      const [path, secret] = [join(folder, 'path'), join(folder, 'secret')];
      await mkdir(path);
      await writeFile(secret, 'a secret');
      await writeFile(join(path, 'file'), 'harmless');
      const source = localSource(path, await readTree(localSource(path)));
      assert.match(Buffer.concat(await tarChunks('a', source)).toString(), /harmless/);
      await rm(join(path, 'file'));
      await symlink(secret, join(path, 'file'));
      await assert.rejects(tarChunks('a', source), { code: 'ELOOP' });
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
      const chunks = await tarChunks('p', localSource(path));
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

  it('may have folders in folders by the thousand', async () => {
    const deepest: Tree = { entries: [['link', { target: 'end' }]] };
    let tree = deepest;
    for (let depth = 0; depth < 1900; depth++) tree = { entries: [['d', tree]] };
    const { length: bytes } = Buffer.concat(await tarChunks('p', localSource('/nowhere', tree)));
    // A header for each folder and the link, and an extended one where the path no longer fits into it.
    assert.ok(bytes > 1902 * 512 + 1700 * 1024, `${bytes} bytes`);
  });

  it('has no path that is too long for where clients unpack it', async () => {
    let tree: Tree = { entries: [['link', { target: 'end' }]] };
    for (let depth = 0; depth < 1930; depth++) tree = { entries: [['d', tree]] };
    await assert.rejects(tarChunks('p', localSource('/nowhere', tree)), {
      code: 'UNFIT_FOR_IMAGE',
      message: /^\/p\/d\/d.{150,300}d cannot be in an image: its path has more than 3839 bytes/,
    });
  });

  it('is refused for the first name that would delete files, before what has it is read', async () => {
    const file: Tree = { size: 1 };
    const tree: Tree = {
      entries: [
        ['.wh.a', file],
        ['.wh.b', file],
        ['c', file],
      ],
    };
    await assert.rejects(tarChunks('p', localSource('/nowhere', tree)), {
      code: 'UNFIT_FOR_IMAGE',
      location: '/p/.wh.a',
    });
  });

  it('does not depend on where it comes from, nor in which pieces', async () => {
    const files = {
      bin: { hello: program('#!/bin/sh\n'), link: link('hello') },
      ['long'.repeat(60)]: { large: Buffer.alloc(600_001, 'large'), none: '' },
      empty: {},
    };
    // Where they differ, what tells digests apart is a line; what tells megabytes apart takes all memory.
    const digests = (chunks: readonly Buffer[]): string[] => chunks.map(sha256);
    const chunks = digests(await tarChunks('p', localSource(write(join(temporaryFolder(), 'p'), files))));
    assert.equal(chunks.length, 3);
    for (const pieceBytes of [100, 512, 1_000_000]) {
      const others = digests(await tarChunks('p', memoryReader(files, pieceBytes)));
      assert.deepEqual(others, chunks, `pieces of ${pieceBytes}`);
    }
  });
});
