import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { treeSchema } from '../../functions/layer/tree-schema.ts';
import { byteString, readTree, UnfitForImageError } from '../../functions/layer/tree.ts';
import { link, program, temporaryFolder, treeOf, write } from './fixture.ts';

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

describe('readTree', () => {
  it('reads directories, files, executables and links, sorted by the bytes of their names', async () => {
    const tree = await readTree(write(join(folder, 'all'), FILES));
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
    assert.deepEqual(await readTree(join(root, 'file')), { size: 4 });
    assert.deepEqual(await readTree(join(root, 'link')), { target: 'file' });
  });

  it('sees two names of one file as two files', async () => {
    const root = write(join(folder, 'hard'), { a: 'same' });
    linkSync(join(root, 'a'), join(root, 'b'));
    assert.deepEqual(await readTree(root), treeOf({ a: 'same', b: 'same' }));
  });

  it('refuses folders that lie too deep for JSON and threads, and takes those that do not', async () => {
    const deep = (folders: number): string => {
      const root = join(folder, `deep-${folders}`);
      mkdirSync(join(root, ...Array.from({ length: folders }, () => 'd')), { recursive: true });
      return root;
    };
    const tree = await readTree(deep(400));
    assert.equal(
      JSON.stringify(structuredClone(tree)).length,
      '{"entries":[["d",]]}'.length * 400 + '{"entries":[]}'.length,
    );
    await assert.rejects(readTree(deep(401)), { code: 'UNFIT_FOR_IMAGE', message: /it lies in more than 400 folders/ });
  });

  it('refuses what no layer can hold', async () => {
    const root = write(join(folder, 'fifo'), {});
    execFileSync('mkfifo', [join(root, 'pipe')]);
    await assert.rejects(readTree(root), (error) => error instanceof UnfitForImageError && /pipe/.test(error.message));
  });

  it('stops when it is aborted, and lets others run meanwhile', async () => {
    const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`file-${index}`, '']));
    const root = write(join(folder, 'many'), many);
    const stop = new AbortController();
    const reading = readTree(root, { signal: stop.signal });
    setImmediate(() => {
      stop.abort(new Error('enough'));
    });
    await assert.rejects(reading, /enough/);
  });
});

describe('treeSchema', () => {
  it('takes every tree through JSON without loss', () => {
    const tree = treeOf(FILES);
    assert.deepEqual(treeSchema.parse(JSON.parse(JSON.stringify(tree))), tree);
  });

  it('refuses what is no tree', () => {
    const wrong: unknown[] = [
      null,
      7,
      {},
      { size: -1 },
      { size: 1.5 },
      { size: 1, executable: false },
      { target: '' },
      { target: 'a\0b' },
      { target: 'snow \u2603' },
      { entries: {} },
      { entries: [['a']] },
      { entries: [['', { size: 0 }]] },
      { entries: [['..', { size: 0 }]] },
      { entries: [['a/b', { size: 0 }]] },
      {
        entries: [
          ['a', { size: 0 }],
          ['a', { size: 0 }],
        ],
      },
      {
        entries: [
          ['b', { size: 0 }],
          ['a', { size: 0 }],
        ],
      },
      { entries: [['a', { entries: [['b', {}]] }]] },
    ];
    for (const json of wrong) assert.equal(treeSchema.safeParse(json).success, false, JSON.stringify(json));
  });
});
