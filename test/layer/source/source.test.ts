import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, linkSync, mkdirSync, readdirSync, readlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { localSource, openSource, readTree } from '../../../functions/layer/source/source.ts';
import { byteString, StorePathError, UnfitForImageError } from '../../../functions/layer/tree.ts';
import { link, program, temporaryFolder, treeOf, write } from '../fixture.ts';
import { readerConformance } from './conformance.ts';
import { memoryReader } from './memory-reader.ts';

const folder = temporaryFolder();
const FILES = {
  bin: { 'a-program': program('#!/bin/sh\n'), 'a link': link('a-program') },
  empty: {},
  'caf\xe9': 'not UTF-8',
  [byteString('日本')]: 'UTF-8',
  dangling: link('../\xff/nowhere'),
  10: 'ten',
  9: 'nine',
};

let opened = 0;
readerConformance("this machine's store", (content) => {
  const holder = write(join(folder, `conformance-${++opened}`), { path: content });
  return openSource(localSource(join(holder, 'path')));
});
readerConformance('what arrives in pieces', (content) => Promise.resolve(memoryReader(content, 100)));

describe("a reader of this machine's store", () => {
  /** The file, opened. */
  async function begun(name: string, size: number) {
    const place = write(join(folder, name), { file: Buffer.alloc(size, 'x') });
    const file = join(place, 'file');
    const reader = await openSource(localSource(place));
    await reader.next();
    assert.deepEqual(await reader.next(), { kind: 'file', below: '/file', size, executable: false });
    return { reader, file, into: Buffer.alloc(1000) };
  }
  const isOpen = (file: string): boolean =>
    readdirSync('/proc/self/fd').some((descriptor) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`) === file;
      } catch {
        // The one that lists them is gone.
        return false;
      }
    });

  it('says that a file became shorter, or longer, while it was read', async () => {
    for (const read of [0, 99, 100]) {
      const { reader, file, into } = await begun(`shrinks-${read}`, 200);
      if (read > 0) assert.equal(await reader.read(into, 0, read), read);
      truncateSync(file, read);
      await assert.rejects(async () => reader.read(into, 0, 1000), StorePathError, `${read} bytes`);
      await reader.close();
    }
    for (const size of [0, 1, 100]) {
      const { reader, file, into } = await begun(`grows-${size}`, size);
      // Exactly what it has: that it ends there is not seen yet.
      if (size > 0) assert.equal(await reader.read(into, 0, size), size);
      appendFileSync(file, 'more');
      await assert.rejects(async () => reader.next(), {
        code: 'STORE_PATH',
        message: `${file} changed while it was read: it had ${size} bytes`,
      });
      await reader.close();
    }
  });

  it('has a file open only while it is read, and lets go of it when it is closed before', async () => {
    const { reader, file, into } = await begun('open', 100);
    assert.equal(isOpen(file), false);
    await reader.read(into, 0, 50);
    assert.equal(isOpen(file), true);
    await reader.read(into, 0, 1000);
    assert.equal(isOpen(file), false);

    const other = await begun('closed', 100);
    await other.reader.read(into, 0, 50);
    assert.equal(isOpen(other.file), true);
    await other.reader.close();
    assert.equal(isOpen(other.file), false);
    await reader.close();
  });

  it('needs no file before it is read', async () => {
    const reader = await openSource(localSource('/nowhere', treeOf({ file: 'text' })));
    assert.deepEqual(await reader.next(), { kind: 'directory', below: '' });
    assert.deepEqual(await reader.next(), { kind: 'file', below: '/file', size: 4, executable: false });
    await assert.rejects(async () => reader.read(Buffer.alloc(10), 0, 10), { code: 'ENOENT' });
    await assert.rejects(openSource(localSource('/nowhere')), { code: 'STORE_PATH_MISSING' });
  });
});

describe('readTree', () => {
  it('reads directories, files, executables and links, sorted by the bytes of their names', async () => {
    const tree = await readTree(localSource(write(join(folder, 'all'), FILES)));
    assert.deepEqual(tree, treeOf(FILES));
    assert.deepEqual('entries' in tree && tree.entries.map(([name]) => name), [
      '10',
      '9',
      'bin',
      'caf\xe9',
      'dangling',
      'empty',
      byteString('日本'),
    ]);
  });

  it('reads a store path that is a file or a link', async () => {
    const root = write(join(folder, 'single'), { file: 'text', link: link('file') });
    assert.deepEqual(await readTree(localSource(join(root, 'file'))), { size: 4 });
    assert.deepEqual(await readTree(localSource(join(root, 'link'))), { target: 'file' });
  });

  it('sees two names of one file as two files', async () => {
    const root = write(join(folder, 'hard'), { a: 'same' });
    linkSync(join(root, 'a'), join(root, 'b'));
    assert.deepEqual(await readTree(localSource(root)), treeOf({ a: 'same', b: 'same' }));
  });

  it('refuses folders that lie too deep for JSON and threads, and takes those that do not', async () => {
    const deep = (folders: number): string => {
      const root = join(folder, `deep-${folders}`);
      mkdirSync(join(root, ...Array.from({ length: folders }, () => 'd')), { recursive: true });
      return root;
    };
    const tree = await readTree(localSource(deep(400)));
    assert.equal(
      JSON.stringify(structuredClone(tree)).length,
      '{"entries":[["d",]]}'.length * 400 + '{"entries":[]}'.length,
    );
    await assert.rejects(readTree(localSource(deep(401))), {
      code: 'UNFIT_FOR_IMAGE',
      message: /it lies in more than 400 folders/,
    });
  });

  it('refuses what no layer can hold', async () => {
    const root = write(join(folder, 'fifo'), {});
    execFileSync('mkfifo', [join(root, 'pipe')]);
    await assert.rejects(
      readTree(localSource(root)),
      (error) => error instanceof UnfitForImageError && /pipe/.test(error.message),
    );
  });

  it('stops when it is aborted, and lets others run meanwhile', async () => {
    const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`file-${index}`, '']));
    const root = write(join(folder, 'many'), many);
    const stop = new AbortController();
    const reading = readTree(localSource(root), { signal: stop.signal });
    setImmediate(() => {
      stop.abort(new Error('enough'));
    });
    await assert.rejects(reading, /enough/);
  });
});
