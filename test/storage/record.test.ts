import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import type { BlobStore, StoreNotice } from '../../functions/storage/blob-store.ts';
import { memoryStore } from '../../functions/storage/memory.ts';
import { objectKey } from '../../functions/storage/object-key.ts';
import { findRecord, type FoundRecord, keyHash, settleRecord } from '../../functions/storage/record.ts';
import { readRecordBytes, recordBytes } from '../../functions/storage/record-proof.ts';
import { type RememberedRecords, rememberedRecords } from '../../functions/storage/remembered-records.ts';

const KEY = objectKey('contents', 'key');
const schema = z.object({ version: z.literal(1), size: z.number() });

/** A record with its proof, as it is written. */
const proved = (json: string): Buffer => recordBytes(KEY, JSON.parse(json) as object);

async function holding(content: string | Buffer): Promise<BlobStore> {
  const store = memoryStore();
  assert.ok(await store.createRecord(KEY, Buffer.from(content)));
  return store;
}

/** What the record says, without its proof. */
async function contentOf(store: BlobStore): Promise<string | undefined> {
  const stored = await store.readRecord(KEY);
  if (stored === undefined) return undefined;
  const read = readRecordBytes(KEY, stored.bytes);
  return read.kind === 'proved' ? JSON.stringify(read.json) : read.kind;
}

describe('findRecord', () => {
  it('finds a record of the shape', async () => {
    const store = await holding(proved('{"version":1,"size":7}'));
    const found = await findRecord(store, KEY, schema);
    assert.deepEqual(found, {
      kind: 'found',
      value: { version: 1, size: 7 },
      generation: (await store.stat(KEY))?.generation,
    });
  });

  it('says that there is none', async () => {
    assert.deepEqual(await findRecord(memoryStore(), KEY, schema), { kind: 'absent' });
  });

  for (const [what, content, reason] of [
    ['no JSON', '{"version":1,', /^not JSON: /],
    ['nothing', '', /^not JSON: /],
    ['another version', proved('{"version":2,"size":7}'), /^version: /],
    ['another shape', proved('{"version":1,"size":"7"}'), /^size: /],
    ['another kind of JSON', '[]', /^version: /],
    ['no kind of object', 'null', /not a JSON object/],
    [
      'the key of another',
      recordBytes(objectKey('contents', 'other'), { version: 1, size: 7 }),
      /written as contents\/other/,
    ],
    ['no proof', '{"version":1,"size":7}', /^it has no proof$/],
    ['no proof but a key', '{"object":"contents/key","version":1,"size":7}', /its proof is another/],
  ] as const) {
    it(`calls a record with ${what} broken, with its generation`, async () => {
      const store = await holding(content);
      const found = await findRecord(store, KEY, schema);
      assert.equal(found.kind, 'broken');
      assert.match(found.reason, reason);
      assert.equal(found.generation, (await store.stat(KEY))?.generation);
    });
  }
});

describe('a record with its proof', () => {
  const value = { version: 1, size: 7, text: 'ä"\\' };
  const bytes = recordBytes(KEY, value);

  it('begins with it, and with its key', () => {
    // printf '"object":"contents/key","version":1,"size":7}' | sha256sum
    assert.equal(
      recordBytes(KEY, { version: 1, size: 7 }).toString(),
      '{"proof":"fa9c77895697a431aae490636a6ed6669f39a9e6bcbe9e0881419551f25daa88","object":"contents/key","version":1,"size":7}',
    );
    assert.deepEqual(readRecordBytes(KEY, bytes), { kind: 'proved', json: value });
  });

  it('is broken by each bit that is another, and does not look like one of before there were proofs', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(readRecordBytes(KEY, flipped).kind, 'broken', `bit ${bit}`);
    }
  });

  it('is broken wherever it is cut, and by what stands behind it', () => {
    for (let length = 0; length < bytes.length; length++)
      assert.equal(readRecordBytes(KEY, bytes.subarray(0, length)).kind, 'broken', `${length} bytes`);
    assert.equal(readRecordBytes(KEY, Buffer.concat([bytes, Buffer.from(' ')])).kind, 'broken');
  });

  it('is noticed when it is broken, with its key', async () => {
    const notices: StoreNotice[] = [];
    const flipped = Buffer.from(bytes.toString().replace('"size":7', '"size":6'));
    for (const content of [flipped, '{"version":1,"size":7}', '']) {
      const store = { ...(await holding(content)), notice: (one: StoreNotice) => void notices.push(one) };
      assert.equal((await findRecord(store, KEY, schema)).kind, 'broken');
    }
    // What never had a proof is no fault.
    assert.deepEqual(
      notices.map(({ kind, key }) => [kind, key]),
      [
        ['broken-record', KEY],
        ['broken-record', KEY],
      ],
    );
  });
});

describe('settleRecord', () => {
  const mine = { version: 1 as const, size: 1 };

  it('creates the record and returns it', async () => {
    const store = memoryStore();
    assert.deepEqual(await settleRecord(store, KEY, schema, mine, { kind: 'absent' }), mine);
    assert.equal(await contentOf(store), '{"version":1,"size":1}');
  });

  it('keeps a record that was found', async () => {
    const store = await holding(proved('{"version":1,"size":9}'));
    const found = await findRecord(store, KEY, schema);
    assert.deepEqual(await settleRecord(store, KEY, schema, mine, found), { version: 1, size: 9 });
    assert.equal(await contentOf(store), '{"version":1,"size":9}');
  });

  it('goes on with the record of a creator who was faster', async () => {
    const store = await holding(proved('{"version":1,"size":9}'));
    assert.deepEqual(await settleRecord(store, KEY, schema, mine, { kind: 'absent' }), { version: 1, size: 9 });
    assert.equal(await contentOf(store), '{"version":1,"size":9}');
  });

  it('replaces a broken record', async () => {
    const store = await holding('broken');
    const found = await findRecord(store, KEY, schema);
    assert.deepEqual(await settleRecord(store, KEY, schema, mine, found), mine);
    assert.equal(await contentOf(store), '{"version":1,"size":1}');
  });

  it('keeps what another replaced the broken record with', async () => {
    const store = await holding('broken');
    const found = await findRecord(store, KEY, schema);
    assert.equal(found.kind, 'broken');
    assert.ok(await store.replaceRecord(KEY, proved('{"version":1,"size":9}'), found.generation));
    assert.deepEqual(await settleRecord(store, KEY, schema, mine, found), { version: 1, size: 9 });
  });

  it('creates the record when the broken one was deleted meanwhile', async () => {
    const store = await holding('broken');
    const found = await findRecord(store, KEY, schema);
    await store.delete(KEY);
    assert.deepEqual(await settleRecord(store, KEY, schema, mine, found), mine);
    assert.equal(await contentOf(store), '{"version":1,"size":1}');
  });

  it('gives all of 20 at once the same value', async () => {
    const store = memoryStore();
    const settled = await Promise.all(
      Array.from({ length: 20 }, (_, size) =>
        settleRecord(store, KEY, schema, { version: 1, size }, { kind: 'absent' }),
      ),
    );
    assert.equal(new Set(settled.map(({ size }) => size)).size, 1);
    assert.deepEqual(JSON.parse((await contentOf(store)) ?? ''), settled[0]);
  });

  it('gives up on a record that never holds still', async () => {
    const store: BlobStore = { ...memoryStore(), createRecord: () => Promise.resolve(false) };
    await assert.rejects(settleRecord(store, KEY, schema, mine, { kind: 'absent' }), /contents\/key changes faster/);
  });

  it('stops when it is aborted', async () => {
    const store = memoryStore();
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await assert.rejects(settleRecord(store, KEY, schema, mine, { kind: 'absent' }, { signal }), reason);
    assert.equal(await contentOf(store), undefined);
  });
});

describe('remembered records', () => {
  type Sized = z.infer<typeof schema>;
  /** What is no part of the shape makes it of a length that is worth it. */
  const large = (size: number): Buffer => recordBytes(KEY, { version: 1, size, rest: ' '.repeat(5_000) });
  const read = async (store: BlobStore, remembered: RememberedRecords<Sized>): Promise<FoundRecord<Sized>> =>
    findRecord(store, KEY, schema, { remembered });
  const valueOf = (found: FoundRecord<Sized>): Sized => {
    assert.equal(found.kind, 'found');
    return found.value;
  };

  it('are not parsed again while the store has the same bytes', async () => {
    const store = await holding(large(7));
    const remembered = rememberedRecords<Sized>(20_000);
    const first = await read(store, remembered);
    const second = await read(store, remembered);
    assert.equal(valueOf(second), valueOf(first));
    assert.deepEqual(second, first);
    await store.delete(KEY);
    await store.createRecord(KEY, large(8));
    const third = await read(store, remembered);
    assert.equal(valueOf(third).size, 8);
    assert.equal(third.kind === 'found' && third.generation, (await store.stat(KEY))?.generation);
  });

  it('are those that were written as well, and not those of somebody who was faster', async () => {
    const store = memoryStore();
    const remembered = rememberedRecords<Sized>(20_000);
    const mine = { version: 1 as const, size: 1, rest: ' '.repeat(5_000) };
    await settleRecord(store, KEY, schema, mine, { kind: 'absent' }, { remembered });
    assert.equal(valueOf(await read(store, remembered)), mine);
    const other = rememberedRecords<Sized>(20_000);
    await settleRecord(store, KEY, schema, { version: 1, size: 2 }, { kind: 'absent' }, { remembered: other });
    assert.equal(valueOf(await read(store, other)).size, 1);
  });

  it('are gone with the record, and broken ones are none', async () => {
    const store = await holding(large(7));
    const remembered = rememberedRecords<Sized>(20_000);
    await read(store, remembered);
    await store.delete(KEY);
    assert.deepEqual(await read(store, remembered), { kind: 'absent' });
    await store.createRecord(KEY, Buffer.from('{"version":2}'));
    assert.equal((await read(store, remembered)).kind, 'broken');
    assert.equal((await read(store, remembered)).kind, 'broken');
  });

  it('are large', async () => {
    const store = await holding(proved('{"version":1,"size":7}'));
    const remembered = rememberedRecords<Sized>(20_000);
    assert.notEqual(valueOf(await read(store, remembered)), valueOf(await read(store, remembered)));
  });

  it('are no more than there is room for', () => {
    const remembered = rememberedRecords<Sized>(10_000);
    const bytes = Buffer.alloc(4_100);
    const keys = ['a', 'b', 'c'].map((name) => objectKey('contents', name));
    for (const key of keys) remembered.set(key, bytes, { version: 1, size: 1 });
    assert.deepEqual(
      keys.map((key) => remembered.get(key, bytes) !== undefined),
      [false, true, true],
    );
    remembered.set(KEY, Buffer.alloc(10_001), { version: 1, size: 1 });
    assert.equal(remembered.get(KEY, Buffer.alloc(10_001)), undefined);
  });
});

describe('keyHash', () => {
  it('is the SHA-256 of the canonical JSON of the version of records and the fields', () => {
    // printf '[2,{"a":[1,"x",null,true],"b":{"c":"\303\244","d":0.5}}]' | sha256sum
    assert.equal(
      keyHash({ b: { d: 0.5, c: 'ä' }, a: [1, 'x', null, true] }),
      '7c22c85f28b1e611acff626c0a9789981245081ab81d925cd3836809c5f4d4d2',
    );
  });

  it('does not depend on the order of fields', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
        const turned = Object.fromEntries(Object.entries(fields).reverse());
        assert.equal(keyHash(turned as never), keyHash(fields as never));
      }),
    );
  });

  it('differs for different fields', () => {
    const different = [
      { a: 'b' },
      { a: 'b', c: '' },
      { ab: '' },
      ['a', 'b'],
      ['b', 'a'],
      ['ab'],
      'ab',
      { a: ['b'] },
      [['a'], 'b'],
      { a: 1 },
      { a: '1' },
      { a: null },
      {},
      [],
      '',
      null,
    ];
    assert.equal(new Set(different.map((fields) => keyHash(fields))).size, different.length);
  });

  it('differs whenever the JSON differs', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (one, other) => {
        assert.equal(keyHash(one) === keyHash(other), JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });

  it('names an object', () => {
    assert.equal(objectKey('contents', keyHash({})), `contents/${keyHash({})}`);
  });
});

describe('objectKey', () => {
  it('takes hashes and the names that records have', () => {
    for (const name of ['a', 'A.b_c-9', 'f'.repeat(64), 'x'.repeat(200)]) {
      assert.equal(objectKey('tags', name), `tags/${name}`);
    }
  });

  it('refuses every name that could lead elsewhere', () => {
    for (const name of [
      '',
      '.',
      '..',
      '../x',
      'a/b',
      '/a',
      '.hidden',
      '-a',
      '_a',
      'a\0',
      'a\n',
      'ä',
      'a b',
      'x'.repeat(201),
    ]) {
      assert.throws(() => objectKey('tags', name), RangeError, JSON.stringify(name));
    }
  });
});
