import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type TestContext, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type BlobStore, MAX_RECORD_BYTES, type Staging, StorageError } from '../../functions/storage/blob-store.ts';
import { type ObjectKey, objectKey } from '../../functions/storage/object-key.ts';

export interface StoreCapabilities {
  /** How many things lie in the staging of this store. */
  readonly countStaged: (store: BlobStore) => Promise<number>;
  /** Another client of the same bytes, as another process would open it. */
  readonly openAnother?: (store: BlobStore) => Promise<BlobStore>;
  /** Length of the blob that shows streaming; default 64 MiB. */
  readonly largeBlobBytes?: number;
}

const BLOB = objectKey('layers', 'a'.repeat(64));
const RECORD = objectKey('images', 'record');
const OTHER = objectKey('images', 'other');
const MIB = 1024 * 1024;

/**
 * Executes the contract of `functions/storage/blob-store.ts`. Fails a case, too, when something is left in staging.
 *
 * @param make an empty store; what it needs to clean up, it hands to `context.after`
 */
export function blobStoreConformance(
  name: string,
  make: (context: TestContext) => Promise<BlobStore>,
  capabilities: StoreCapabilities,
): void {
  function clause(title: string, check: (store: BlobStore) => Promise<void>): void {
    it(title, async (context) => {
      const store = await make(context);
      await check(store);
      assert.equal(await capabilities.countStaged(store), 0, 'something is left in staging');
    });
  }

  describe(`${name} keeps blobs`, () => {
    clause('and answers undefined or false where nothing is', async (store) => {
      for (const key of [BLOB, RECORD]) {
        assert.equal(await store.stat(key), undefined);
        assert.equal(await store.read(key), undefined);
        assert.equal(await store.read(key, { range: { start: 0, end: 0 } }), undefined);
        assert.equal(await store.readRecord(key), undefined);
        assert.equal(await store.replaceRecord(key, Buffer.from('x'), '1'), false);
        assert.equal(await store.delete(key), false);
        assert.equal(await store.delete(key, { generation: '1' }), false);
        assert.equal(await store.stat(key), undefined);
      }
      assert.deepEqual(await collect(store.list('layers')), []);
    });

    clause('and gives back what was published, with its length', async (store) => {
      assert.equal(await publish(store, BLOB, 'the content'), 'created');
      assert.equal((await store.stat(BLOB))?.sizeBytes, 11);
      const found = await store.read(BLOB);
      assert.equal(found?.sizeBytes, 11);
      assert.equal(await text(found.stream), 'the content');
    });

    clause('of no bytes at all', async (store) => {
      assert.equal(await publish(store, BLOB, ''), 'created');
      assert.equal((await store.stat(BLOB))?.sizeBytes, 0);
      assert.equal(await contentOf(store, BLOB), '');
      assert.equal(await publish(store, BLOB, ''), 'existed');
    });

    clause('of any bytes, written in pieces of any length', async (store) => {
      const all = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7919) % 256));
      const pieces: Buffer[] = [];
      for (let at = 0, length = 1; at < all.length; at += length, length = (length * 3) % 8191) {
        pieces.push(all.subarray(at, at + length));
      }
      await publish(store, BLOB, pieces);
      const found = await store.read(BLOB);
      assert.ok(found && (await buffer(found.stream)).equals(all));
    });

    clause('and leaves the memory of a piece to the writer once it was taken', async (store) => {
      // Short ones, and some that are longer than what any store keeps before it sends it on.
      for (const length of [100, 300_000]) {
        const piece = Buffer.alloc(length);
        const expected: Buffer[] = [];
        const staging = await store.stage();
        for (let index = 0; index < 9; index++) {
          piece.fill(index);
          expected.push(Buffer.from(piece));
          await new Promise<void>((resolve, reject) => {
            staging.writable.write(piece, (error) => {
              if (error) reject(error);
              else resolve();
            });
          });
        }
        await new Promise<void>((resolve) => staging.writable.end(resolve));
        await staging.publish(BLOB);
        const found = await store.read(BLOB);
        assert.ok(found && (await buffer(found.stream)).equals(Buffer.concat(expected)));
        await store.delete(BLOB);
      }
    });

    for (const [part, start, end, expected] of [
      ['the first byte', 0, 0, '0'],
      ['the last byte', 9, 9, '9'],
      ['a byte in the middle', 4, 4, '4'],
      ['some bytes in the middle', 3, 6, '3456'],
      ['all but the first', 1, 9, '123456789'],
      ['all of it', 0, 9, '0123456789'],
    ] as const) {
      clause(`and reads ${part} by range`, async (store) => {
        await publish(store, BLOB, '0123456789');
        const found = await store.read(BLOB, { range: { start, end } });
        assert.equal(found?.sizeBytes, 10);
        assert.equal(await text(found.stream), expected);
      });
    }

    clause('and reads a range across many pieces of a stream', async (store) => {
      const all = Buffer.alloc(3 * MIB, '0123456789');
      await publish(store, BLOB, [all]);
      const found = await store.read(BLOB, { range: { start: 12_345, end: 2 * MIB } });
      assert.ok(found && (await buffer(found.stream)).equals(all.subarray(12_345, 2 * MIB + 1)));
    });

    clause('and refuses a range beyond the end instead of giving less', async (store) => {
      await publish(store, BLOB, '0123456789');
      for (const range of [
        { start: 0, end: 10 },
        { start: 10, end: 10 },
        { start: 5, end: 4 },
      ]) {
        await assert.rejects(store.read(BLOB, { range }), failureOf(store, BLOB));
      }
    });

    clause('of many megabytes, streamed in and out', async (store) => {
      const sizeBytes = capabilities.largeBlobBytes ?? 64 * MIB;
      const [written, read] = [createHash('sha256'), createHash('sha256')];
      const staging = await store.stage();
      await pipeline(async function* () {
        for (let at = 0; at < sizeBytes; at += 64 * 1024) {
          const piece = Buffer.alloc(Math.min(64 * 1024, sizeBytes - at), `piece at ${at} `);
          written.update(piece);
          yield piece;
          await turn();
        }
      }, staging.writable);
      assert.equal(await staging.publish(BLOB), 'created');
      const found = await store.read(BLOB);
      assert.equal(found?.sizeBytes, sizeBytes);
      for await (const piece of found.stream) read.update(piece as Buffer);
      assert.equal(read.digest('hex'), written.digest('hex'));
    });

    clause('whose use is noted, which changes nothing of them', async (store) => {
      assert.equal(await store.touch(BLOB), undefined);
      await publish(store, BLOB, 'content');
      await store.createRecord(RECORD, Buffer.from('record'));
      for (const key of [BLOB, RECORD]) {
        const before = await store.stat(key);
        assert.deepEqual(await store.touch(key), before);
        assert.deepEqual(await store.stat(key), before);
      }
    });

    clause('for several readers at once', async (store) => {
      await publish(store, BLOB, [Buffer.alloc(MIB, 'ab')]);
      const contents = await Promise.all(Array.from({ length: 8 }, () => contentOf(store, BLOB)));
      assert.ok(contents.every((content) => content === 'ab'.repeat(MIB / 2)));
    });

    clause('and lets go of one whose reader goes away', async (store) => {
      await publish(store, BLOB, [Buffer.alloc(4 * MIB)]);
      const found = await store.read(BLOB);
      assert.ok(found);
      for await (const piece of found.stream) {
        assert.ok((piece as Buffer).length > 0);
        break;
      }
      assert.ok(found.stream.destroyed);
      assert.equal(await store.delete(BLOB), true);
    });

    clause('and ends a read that is aborted with an AbortError', async (store) => {
      await publish(store, BLOB, [Buffer.alloc(8 * MIB)]);
      const abort = new AbortController();
      const found = await store.read(BLOB, { signal: abort.signal });
      assert.ok(found);
      await assert.rejects(
        async () => {
          for await (const piece of found.stream) {
            assert.ok((piece as Buffer).length > 0);
            abort.abort();
          }
        },
        { name: 'AbortError' },
      );
    });

    clause('under the key that they were published under, and no other', async (store) => {
      const other = objectKey('layers', 'b'.repeat(64));
      await publish(store, BLOB, 'one');
      assert.equal(await store.stat(other), undefined);
      assert.equal(await publish(store, other, 'one'), 'created');
      assert.equal(await store.delete(BLOB), true);
      assert.equal(await contentOf(store, other), 'one');
    });
  });

  describe(`${name} publishes in one step`, () => {
    clause('and shows nothing before it', async (store) => {
      // A store may keep a small blob to itself until it is published.
      const staging = await staged(store, [Buffer.alloc(2 * MIB)]);
      assert.equal(await store.stat(BLOB), undefined);
      assert.deepEqual(await collect(store.list('layers')), []);
      assert.equal(await capabilities.countStaged(store), 1);
      assert.equal(await staging.publish(BLOB), 'created');
    });

    clause('and finds equal content that is there already', async (store) => {
      await publish(store, BLOB, 'content');
      const before = await store.stat(BLOB);
      assert.equal(await publish(store, BLOB, 'content'), 'existed');
      assert.deepEqual(await store.stat(BLOB), before);
    });

    for (const [what, wrong] of [
      ['a fragment', 'conte'],
      ['nothing', ''],
      ['something longer', 'content and more'],
      ['other bytes of the same length', 'contend'],
    ] as const) {
      clause(`and replaces ${what} under the key`, async (store) => {
        await publish(store, BLOB, wrong);
        const before = await store.stat(BLOB);
        assert.equal(await publish(store, BLOB, 'content'), 'replaced');
        assert.equal(await contentOf(store, BLOB), 'content');
        assert.notEqual((await store.stat(BLOB))?.generation, before?.generation);
        assert.equal((await store.stat(BLOB))?.sizeBytes, 7);
      });
    }

    clause('and finds a difference in the last byte of a long blob', async (store) => {
      const content = Buffer.alloc(MIB + 1, 'x');
      const wrong = Buffer.from(content).fill('y', MIB);
      await publish(store, BLOB, [wrong]);
      assert.equal(await publish(store, BLOB, [content]), 'replaced');
      assert.equal((await contentOf(store, BLOB)).at(-1), 'x');
    });

    clause('and lets a reader that has begun finish with what it began', async (store) => {
      await publish(store, BLOB, [Buffer.alloc(2 * MIB, 'o')]);
      const begun = await store.read(BLOB);
      assert.equal(await publish(store, BLOB, [Buffer.alloc(2 * MIB, 'n')]), 'replaced');
      assert.ok(begun);
      const seen = new Set(await text(begun.stream));
      assert.equal(seen.size, 1, 'a mixture of the old and the new');
    });

    clause('so that of 20 equal ones at once one creates and 19 find it', async (store) => {
      const stagings = await Promise.all(Array.from({ length: 20 }, () => staged(store, 'equal')));
      const outcomes = await Promise.all(stagings.map((staging) => staging.publish(BLOB)));
      assert.deepEqual(outcomes.sort(), ['created', ...Array<string>(19).fill('existed')]);
      assert.equal(await contentOf(store, BLOB), 'equal');
    });

    clause(
      'so that of 10 different ones at once one creates, the others replace, and one is there whole',
      async (store) => {
        const contents = Array.from({ length: 10 }, (_, index) => String(index).repeat(1000 + index));
        const stagings = await Promise.all(contents.map((content) => staged(store, content)));
        const outcomes = await Promise.all(stagings.map((staging) => staging.publish(BLOB)));
        assert.deepEqual(outcomes.sort(), ['created', ...Array<string>(9).fill('replaced')]);
        assert.ok(contents.includes(await contentOf(store, BLOB)));
      },
    );

    clause('and refuses what was not written to its end', async (store) => {
      const staging = await store.stage();
      staging.writable.write('half');
      await assert.rejects(staging.publish(BLOB), failureOf(store, BLOB));
      assert.equal(await store.stat(BLOB), undefined);
    });

    clause('blobs only, no records', async (store) => {
      const staging = await staged(store, 'content');
      await assert.rejects(staging.publish(RECORD), failureOf(store, RECORD));
      assert.equal(await store.stat(RECORD), undefined);
    });

    clause('once for each staging', async (store) => {
      const other = objectKey('layers', 'b'.repeat(64));
      const staging = await staged(store, 'content');
      await staging.publish(BLOB);
      await assert.rejects(staging.publish(other), failureOf(store, other));
      assert.equal(await store.stat(other), undefined);
      assert.equal(await contentOf(store, BLOB), 'content');
    });

    clause('and not after discarding', async (store) => {
      const staging = await staged(store, 'content');
      await staging.discard();
      await assert.rejects(staging.publish(BLOB), failureOf(store, BLOB));
      assert.equal(await store.stat(BLOB), undefined);
    });
  });

  describe(`${name} leaves nothing behind`, () => {
    clause('of a staging that was opened and discarded, once or twice', async (store) => {
      const staging = await store.stage();
      await staging.discard();
      await staging.discard();
    });

    clause('of a staging that was written and discarded', async (store) => {
      await (await staged(store, 'content')).discard();
    });

    clause('but the blob, when a published staging is discarded', async (store) => {
      const staging = await staged(store, 'content');
      await staging.publish(BLOB);
      await staging.discard();
      assert.equal(await contentOf(store, BLOB), 'content');
    });

    clause('of a writer that fails in the middle', async (store) => {
      const staging = await store.stage();
      const failing = async function* (): AsyncGenerator<Buffer> {
        yield Buffer.alloc(2 * MIB);
        await turn();
        throw new Error('the source failed');
      };
      await assert.rejects(pipeline(failing, staging.writable), { message: 'the source failed' });
      await staging.discard();
      await assert.rejects(staging.publish(BLOB), failureOf(store, BLOB));
      assert.equal(await store.stat(BLOB), undefined);
    });

    clause('of a pipeline that is aborted in the middle', async (store) => {
      const abort = new AbortController();
      const staging = await store.stage();
      await assert.rejects(pipeline(endless(abort), staging.writable, { signal: abort.signal }), {
        name: 'AbortError',
      });
      await staging.discard();
      assert.equal(await store.stat(BLOB), undefined);
    });

    clause('of a staging whose own signal is aborted in the middle', async (store) => {
      const abort = new AbortController();
      const staging = await store.stage({ signal: abort.signal });
      await assert.rejects(pipeline(endless(abort), staging.writable), { name: 'AbortError' });
      await staging.discard();
      assert.equal(await store.stat(BLOB), undefined);
    });

    clause('of a failed write, even when nobody discards it', async (store) => {
      const staging = await store.stage();
      const closed = new Promise((resolve) => staging.writable.once('close', resolve));
      await assert.rejects(pipeline(Readable.from(broken()), staging.writable), { message: 'broken' });
      await closed;
    });

    clause('of a publication that is aborted', async (store) => {
      const staging = await staged(store, 'content');
      const reason = new Error('enough');
      await assert.rejects(staging.publish(BLOB, { signal: AbortSignal.abort(reason) }), reason);
      assert.equal(await store.stat(BLOB), undefined);
    });
  });

  describe(`${name} keeps records`, () => {
    clause('whole, and says of which generation they are', async (store) => {
      const bytes = Buffer.from([0, 255, 10, 13, 128]);
      assert.equal(await store.createRecord(RECORD, bytes), true);
      const found = await store.readRecord(RECORD);
      assert.deepEqual(found?.bytes, bytes);
      assert.deepEqual(await store.stat(RECORD), { sizeBytes: 5, generation: found.generation });
    });

    clause('of no bytes at all', async (store) => {
      assert.equal(await store.createRecord(RECORD, Buffer.alloc(0)), true);
      assert.equal((await store.readRecord(RECORD))?.bytes.length, 0);
      assert.equal(await store.createRecord(RECORD, Buffer.from('more')), false);
    });

    clause('as they were when they were given', async (store) => {
      const bytes = Buffer.from('given');
      await store.createRecord(RECORD, bytes);
      bytes.fill('x');
      const found = await store.readRecord(RECORD);
      assert.equal(found?.bytes.toString(), 'given');
      found.bytes.fill('y');
      assert.equal(await recordOf(store, RECORD), 'given');
    });

    clause('and creates none where one is', async (store) => {
      await store.createRecord(RECORD, Buffer.from('first'));
      const before = await store.stat(RECORD);
      assert.equal(await store.createRecord(RECORD, Buffer.from('second')), false);
      assert.equal(await recordOf(store, RECORD), 'first');
      assert.deepEqual(await store.stat(RECORD), before);
    });

    clause('so that of 20 creators at once one wins', async (store) => {
      const values = Array.from({ length: 20 }, (_, index) => `creator ${index}`);
      const won = await Promise.all(values.map((value) => store.createRecord(RECORD, Buffer.from(value))));
      assert.equal(won.filter(Boolean).length, 1);
      assert.equal(await recordOf(store, RECORD), values[won.indexOf(true)]);
    });

    clause('and replaces the generation that was read', async (store) => {
      const generation = await created(store, RECORD, 'old');
      assert.equal(await store.replaceRecord(RECORD, Buffer.from('new'), generation), true);
      assert.equal(await recordOf(store, RECORD), 'new');
      assert.notEqual((await store.stat(RECORD))?.generation, generation);
    });

    clause('and refuses to replace an older generation', async (store) => {
      const generation = await created(store, RECORD, 'a');
      assert.equal(await store.replaceRecord(RECORD, Buffer.from('b'), generation), true);
      assert.equal(await store.replaceRecord(RECORD, Buffer.from('c'), generation), false);
      assert.equal(await recordOf(store, RECORD), 'b');
    });

    clause('and refuses to replace with the generation of another record', async (store) => {
      const generation = await created(store, OTHER, 'same');
      await created(store, RECORD, 'diff');
      assert.equal(await store.replaceRecord(RECORD, Buffer.from('new'), generation), false);
      assert.equal(await recordOf(store, RECORD), 'diff');
    });

    clause('and refuses to replace one that is gone', async (store) => {
      const generation = await created(store, RECORD, 'old');
      assert.equal(await store.delete(RECORD), true);
      assert.equal(await store.replaceRecord(RECORD, Buffer.from('new'), generation), false);
      assert.equal(await store.readRecord(RECORD), undefined);
    });

    clause('and refuses to replace one that was deleted and created again', async (store) => {
      const generation = await created(store, RECORD, 'one');
      await store.delete(RECORD);
      await created(store, RECORD, 'two');
      assert.equal(await store.replaceRecord(RECORD, Buffer.from('new'), generation), false);
      assert.equal(await recordOf(store, RECORD), 'two');
    });

    clause('so that of 20 replacers of one generation at once one wins', async (store) => {
      const generation = await created(store, RECORD, 'old');
      const values = Array.from({ length: 20 }, (_, index) => `replacer ${index}`);
      const won = await Promise.all(values.map((value) => store.replaceRecord(RECORD, Buffer.from(value), generation)));
      assert.equal(won.filter(Boolean).length, 1);
      assert.equal(await recordOf(store, RECORD), values[won.indexOf(true)]);
    });

    clause('so that no increment of a counter is lost', async (store) => {
      await created(store, RECORD, '0');
      await Promise.all(Array.from({ length: 8 }, () => increment(store, RECORD)));
      assert.equal(await recordOf(store, RECORD), '8');
    });

    clause('so that a reader sees the old or the new, whole', async (store) => {
      const [old, young] = ['o'.repeat(MIB), 'n'.repeat(MIB + 1)];
      const generation = await created(store, RECORD, old);
      const replacing = store.replaceRecord(RECORD, Buffer.from(young), generation);
      for (let isReplaced = false; !isReplaced;) {
        const seen = await recordOf(store, RECORD);
        assert.ok(seen === old || seen === young, 'a mixture of the old and the new');
        isReplaced = seen === young;
      }
      assert.equal(await replacing, true);
    });

    clause(`and refuses more than ${MAX_RECORD_BYTES} bytes`, async (store) => {
      const tooLong = Buffer.alloc(MAX_RECORD_BYTES + 1);
      await assert.rejects(store.createRecord(RECORD, tooLong), failureOf(store, RECORD));
      assert.equal(await store.readRecord(RECORD), undefined);
      const generation = await created(store, RECORD, 'short');
      await assert.rejects(store.replaceRecord(RECORD, tooLong, generation), failureOf(store, RECORD));
      assert.equal(await recordOf(store, RECORD), 'short');
      await publish(store, BLOB, [tooLong]);
      await assert.rejects(store.readRecord(BLOB), failureOf(store, BLOB));
    });
  });

  describe(`${name} deletes`, () => {
    clause('a record and a blob', async (store) => {
      await created(store, RECORD, 'x');
      await publish(store, BLOB, 'x');
      for (const key of [RECORD, BLOB]) {
        assert.equal(await store.delete(key), true);
        assert.equal(await store.stat(key), undefined);
        assert.equal(await store.delete(key), false);
      }
    });

    clause('only the generation that it is told to', async (store) => {
      await created(store, RECORD, 'one');
      await publish(store, BLOB, 'one');
      for (const [key, change] of [
        [RECORD, async (generation: string) => store.replaceRecord(RECORD, Buffer.from('two'), generation)],
        [BLOB, async () => publish(store, BLOB, 'two')],
      ] as const) {
        const before = await store.stat(key);
        assert.ok(before);
        await change(before.generation);
        assert.equal(await store.delete(key, { generation: before.generation }), false);
        const after = await store.stat(key);
        assert.ok(after);
        assert.equal(await store.delete(key, { generation: after.generation }), true);
        assert.equal(await store.stat(key), undefined);
      }
    });

    clause('one thing once, of 10 at once', async (store) => {
      await created(store, RECORD, 'x');
      const deleted = await Promise.all(Array.from({ length: 10 }, () => store.delete(RECORD)));
      assert.equal(deleted.filter(Boolean).length, 1);
    });
  });

  describe(`${name} lists`, () => {
    clause('the objects of one area in byte order of their names', async (store) => {
      const names = ['a', 'B', '10', '9', 'a-b', 'a.b', 'a_b', 'ab', 'Z'];
      for (const listed of names) await store.createRecord(objectKey('pins', listed), Buffer.from(listed));
      await created(store, RECORD, 'elsewhere');
      const staging = await staged(store, 'not published');
      const found = await collect(store.list('pins'));
      await staging.discard();
      assert.deepEqual(
        found.map(({ key }) => key),
        ['10', '9', 'B', 'Z', 'a', 'a-b', 'a.b', 'a_b', 'ab'].map((listed) => objectKey('pins', listed)),
      );
      for (const { key, sizeBytes, generation } of found) {
        assert.deepEqual(await store.stat(key), { sizeBytes, generation });
      }
    });

    clause('blobs with their lengths', async (store) => {
      await publish(store, BLOB, 'content');
      const stat = await store.stat(BLOB);
      assert.deepEqual(await collect(store.list('layers')), [{ key: BLOB, ...stat }]);
    });

    clause('until it is aborted', async (store) => {
      for (const listed of ['a', 'b', 'c']) await store.createRecord(objectKey('pins', listed), Buffer.from('x'));
      const abort = new AbortController();
      const reason = new Error('enough');
      const seen: ObjectKey[] = [];
      await assert.rejects(async () => {
        for await (const { key } of store.list('pins', { signal: abort.signal })) {
          seen.push(key);
          abort.abort(reason);
        }
      }, reason);
      assert.deepEqual(seen, [objectKey('pins', 'a')]);
    });
  });

  describe(`${name} does nothing when it is aborted before`, () => {
    const reason = new Error('the client went away');
    const signal = AbortSignal.abort(reason);
    const calls: Readonly<Record<string, (store: BlobStore, generation: string) => Promise<unknown>>> = {
      stat: (store) => store.stat(RECORD, { signal }),
      touch: (store) => store.touch(RECORD, { signal }),
      read: (store) => store.read(RECORD, { signal }),
      stage: (store) => store.stage({ signal }),
      readRecord: (store) => store.readRecord(RECORD, { signal }),
      createRecord: (store) => store.createRecord(OTHER, Buffer.from('x'), { signal }),
      replaceRecord: (store, generation) => store.replaceRecord(RECORD, Buffer.from('x'), generation, { signal }),
      delete: (store) => store.delete(RECORD, { signal }),
      list: (store) => collect(store.list('images', { signal })),
    };
    for (const [call, attempt] of Object.entries(calls)) {
      clause(`${call} rejects with the signal's reason`, async (store) => {
        const generation = await created(store, RECORD, 'kept');
        await assert.rejects(attempt(store, generation), reason);
        assert.equal(await recordOf(store, RECORD), 'kept');
        assert.equal(await store.stat(OTHER), undefined);
      });
    }
  });

  const { openAnother } = capabilities;
  if (openAnother) {
    describe(`${name} is shared by several clients`, () => {
      clause('who see what each other wrote', async (store) => {
        const other = await openAnother(store);
        const generation = await created(store, RECORD, 'one');
        assert.equal((await other.readRecord(RECORD))?.generation, generation);
        assert.equal(await other.replaceRecord(RECORD, Buffer.from('two'), generation), true);
        assert.equal(await store.replaceRecord(RECORD, Buffer.from('three'), generation), false);
        await publish(other, BLOB, 'blob');
        assert.equal(await contentOf(store, BLOB), 'blob');
      });

      clause('and loses no increment of any of them', async (store) => {
        const other = await openAnother(store);
        await created(store, RECORD, '0');
        await Promise.all([store, other, store, other, store, other].map((client) => increment(client, RECORD)));
        assert.equal(await recordOf(other, RECORD), '6');
      });
    });
  }
}

async function staged(store: BlobStore, content: string | readonly Buffer[]): Promise<Staging> {
  const staging = await store.stage();
  const pieces = typeof content === 'string' ? [Buffer.from(content)] : content;
  await pipeline(Readable.from(pieces, { objectMode: false }), staging.writable);
  return staging;
}

/** Stages and publishes one blob. */
export async function publish(
  store: BlobStore,
  key: ObjectKey,
  content: string | readonly Buffer[],
): Promise<'created' | 'existed' | 'replaced'> {
  return (await staged(store, content)).publish(key);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function contentOf(store: BlobStore, key: ObjectKey): Promise<string> {
  const found = await store.read(key);
  assert.ok(found, `${key} is not there`);
  return await text(found.stream);
}

async function recordOf(store: BlobStore, key: ObjectKey): Promise<string | undefined> {
  return (await store.readRecord(key))?.bytes.toString();
}

/** Creates a record and returns its generation. */
async function created(store: BlobStore, key: ObjectKey, content: string): Promise<string> {
  assert.equal(await store.createRecord(key, Buffer.from(content)), true);
  const found = await store.readRecord(key);
  assert.equal(found?.bytes.toString(), content);
  return found.generation;
}

async function increment(store: BlobStore, key: ObjectKey): Promise<void> {
  for (;;) {
    const found = await store.readRecord(key);
    assert.ok(found);
    const next = Buffer.from(String(Number(found.bytes.toString()) + 1));
    if (await store.replaceRecord(key, next, found.generation)) return;
  }
}

function failureOf(store: BlobStore, key: ObjectKey): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof StorageError, `not a StorageError: ${String(error)}`);
    assert.equal(error.store, store.name);
    assert.equal(error.key, key);
    assert.ok(error.message.includes(store.name) && error.message.includes(key));
    return true;
  };
}

/** Content without an end; aborts once four megabytes are on their way. */
async function* endless(abort: AbortController): AsyncGenerator<Buffer> {
  for (let count = 0; ; count++) {
    if (count === 64) abort.abort();
    yield Buffer.alloc(64 * 1024);
    await turn();
  }
}

function* broken(): Generator<Buffer> {
  yield Buffer.alloc(2 * MIB);
  throw new Error('broken');
}
