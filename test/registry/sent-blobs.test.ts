import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import { sentBlobs } from '../../functions/registry/sent-blobs.ts';
import type { BlobStore, StoreNotice } from '../../functions/storage/blob-store.ts';
import { blobKey } from '../../functions/storage/known-blobs.ts';
import { memoryStore } from '../../functions/storage/memory.ts';

const LONG = Buffer.alloc(1024 * 1024, 'long');
const SHORT = Buffer.from('short');

/** A store with these bytes under the digest of others. */
async function holding(bytes: Buffer, as = bytes) {
  const memory = memoryStore();
  const digest = digestOfBytes(as);
  const staging = await memory.stage();
  await pipeline(Readable.from([bytes]), staging.writable);
  await staging.publish(blobKey(digest));
  const stat = (await memory.stat(blobKey(digest))) ?? assert.fail();
  const notices: StoreNotice[] = [];
  let reads = 0;
  const store: BlobStore = {
    ...memory,
    notice: (one) => void notices.push(one),
    // In pieces, as files are read.
    read: async (key, options) => {
      reads++;
      const content = await memory.read(key, options);
      if (content === undefined) return undefined;
      const all = await buffer(content.stream);
      const pieces = [all.subarray(0, 65_536), all.subarray(65_536)].filter(({ length }) => length > 0);
      return { ...content, stream: Readable.from(pieces, { objectMode: false }) };
    },
  };
  return { store, blob: { digest, ...stat }, notices, reads: () => reads };
}

const damaged = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
};

describe('a blob that is sent', () => {
  for (const [what, bytes] of [
    ['long', LONG],
    ['short', SHORT],
    ['empty', Buffer.of()],
  ] as const) {
    it(`and is right and ${what} comes whole, each time`, async () => {
      const { store, blob, notices } = await holding(bytes);
      const sent = sentBlobs(store);
      for (let turn = 0; turn < 2; turn++) {
        const stream = (await sent.open(blob, () => assert.fail())) ?? assert.fail();
        assert.ok((await buffer(stream)).equals(bytes));
      }
      assert.deepEqual(notices, []);
    });
  }

  it('and is long and broken is taken out of service before its end is sent', async () => {
    const { store, blob, notices } = await holding(damaged(LONG), LONG);
    let told = 0;
    const tell = () => {
      told++;
      return Promise.resolve();
    };
    const stream = (await sentBlobs(store).open(blob, tell)) ?? assert.fail();
    let sentBytes = 0;
    const sending = async () => {
      for await (const chunk of stream as AsyncIterable<Buffer>) sentBytes += chunk.length;
    };
    await assert.rejects(sending(), { code: 'BROKEN_BLOB' });
    assert.equal(sentBytes, 65_536);
    assert.equal(told, 1);
    assert.equal(await store.stat(blobKey(blob.digest)), undefined);
    assert.deepEqual(
      notices.map(({ kind, key }) => [kind, key]),
      [['broken-blob', blobKey(blob.digest)]],
    );
  });

  for (const [what, bytes, range] of [
    ['is short', SHORT, undefined],
    ['is wanted in part', LONG, { start: 0, end: 9 }],
  ] as const) {
    it(`and ${what} and is broken is not there`, async () => {
      const { store, blob, notices } = await holding(damaged(bytes), bytes);
      let told = 0;
      const tell = () => {
        told++;
        return Promise.resolve();
      };
      assert.equal(await sentBlobs(store).open(blob, tell, { range }), undefined);
      assert.deepEqual([told, notices.length], [1, 1]);
      assert.equal(await store.stat(blobKey(blob.digest)), undefined);
    });
  }

  it('in parts is hashed once, whoever asks at once', async () => {
    const { store, blob, reads } = await holding(LONG);
    const sent = sentBlobs(store);
    const part = async (start: number) => {
      const stream =
        (await sent.open(blob, () => assert.fail(), { range: { start, end: start + 3 } })) ?? assert.fail();
      return (await buffer(stream)).toString();
    };
    assert.deepEqual(await Promise.all([part(0), part(4), part(8)]), ['long', 'long', 'long']);
    assert.equal(reads(), 4);
  });

  it('and is another than was looked at is not there', async () => {
    const { store, blob } = await holding(LONG);
    assert.equal(await sentBlobs(store).open({ ...blob, sizeBytes: 7 }, () => assert.fail()), undefined);
  });
});
