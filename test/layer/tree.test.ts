import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { treeSchema } from '../../functions/layer/tree-schema.ts';
import { byteString } from '../../functions/layer/tree.ts';
import { link, program, treeOf } from './fixture.ts';

const FILES = {
  bin: { 'a-program': program('#!/bin/sh\n'), 'a link': link('a-program') },
  empty: {},
  'caf\xe9': 'not UTF-8',
  [byteString('日本')]: 'UTF-8',
  dangling: link('../\xff/nowhere'),
  10: 'ten',
  9: 'nine',
};

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
