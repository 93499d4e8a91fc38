import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOfBytes } from '../../functions/oci/digest.ts';
import type { BlobStore, StoreNotice } from '../../functions/storage/blob-store.ts';
import { blobKey, KNOWN_FOR_MS, knownBlobs } from '../../functions/storage/known-blobs.ts';
import { memoryStore } from '../../functions/storage/memory.ts';

const DIGEST = digestOfBytes('blob');

function counted(exists: () => boolean): { store: BlobStore; asked: () => number } {
  let asked = 0;
  const store: BlobStore = {
    ...memoryStore(),
    touch: () => {
      asked++;
      return Promise.resolve(exists() ? { sizeBytes: 4, generation: '1' } : undefined);
    },
  };
  return { store, asked: () => asked };
}

describe('knownBlobs', () => {
  it('asks once an hour', async () => {
    let nowMs = 0;
    const { store, asked } = counted(() => true);
    const known = knownBlobs(store, () => nowMs);
    assert.equal(await known.has(DIGEST), true);
    nowMs = KNOWN_FOR_MS - 1;
    assert.equal(await known.has(DIGEST), true);
    assert.equal(asked(), 1);
    nowMs = KNOWN_FOR_MS;
    assert.equal(await known.has(DIGEST), true);
    assert.equal(asked(), 2);
  });

  it('remembers a length, too, and asks for that of a blob that was published here', async () => {
    const { store, asked } = counted(() => true);
    const known = knownBlobs(store);
    known.add(DIGEST);
    assert.equal(await known.sizeOf(DIGEST), 4);
    assert.equal(await known.sizeOf(DIGEST), 4);
    assert.equal(await known.has(DIGEST), true);
    assert.equal(asked(), 1);
    known.forget(DIGEST);
    assert.equal(await known.sizeOf(DIGEST), 4);
    assert.equal(asked(), 2);
    assert.equal(await knownBlobs(counted(() => false).store).sizeOf(DIGEST), undefined);
  });

  it('does not remember what is missing', async () => {
    let there = false;
    const { store } = counted(() => there);
    const known = knownBlobs(store);
    assert.equal(await known.has(DIGEST), false);
    there = true;
    assert.equal(await known.has(DIGEST), true);
  });

  it('believes who published a blob, and who missed one', async () => {
    const { store, asked } = counted(() => false);
    const known = knownBlobs(store);
    known.add(DIGEST);
    assert.equal(await known.has(DIGEST), true);
    assert.equal(asked(), 0);
    known.forget(DIGEST);
    assert.equal(await known.has(DIGEST), false);
  });

  it('takes a blob of another length than a record says for none, and notices it', async () => {
    const notices: StoreNotice[] = [];
    const store: BlobStore = { ...counted(() => true).store, notice: (one) => void notices.push(one) };
    const known = knownBlobs(store);
    known.expect(DIGEST, 5);
    assert.equal(await known.has(DIGEST), false);
    assert.equal(await known.look(DIGEST), undefined);
    assert.deepEqual(notices[0], { kind: 'broken-blob', key: blobKey(DIGEST), reason: 'it has 4 bytes and not 5' });
    known.expect(DIGEST, 4);
    assert.equal((await known.look(DIGEST))?.sizeBytes, 4);
    assert.equal(notices.length, 2);
  });
});
