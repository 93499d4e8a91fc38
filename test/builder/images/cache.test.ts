import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { imageObject, imageRecordSchema } from '../../../functions/builder/image.ts';
import { imageCache } from '../../../functions/builder/images/cache.ts';
import { hexOf } from '../../../functions/oci/digest.ts';
import { memoryStore } from '../../../functions/storage/memory.ts';
import type { ObjectKey } from '../../../functions/storage/object-key.ts';
import { rewrite, saidIn } from '../../support/store/stored-record.ts';
import { storeImage } from '../../support/store/stored-image.ts';

const log = { warn: () => undefined };

/** A store as a version before records had proofs leaves it. */
async function oldStore() {
  const store = memoryStore();
  const image = await storeImage(store, ['git', 'zlib'], { unproved: true });
  const byDigest = imageObject(hexOf(image.digest));
  const said = await saidIn(store, byDigest);
  return { store, image, byDigest, said, key: String(said['key']) };
}

/** Other words in an old record. */
async function rewriteOld(store: Awaited<ReturnType<typeof oldStore>>['store'], key: ObjectKey, value: object) {
  await store.delete(key);
  assert.ok(await store.createRecord(key, Buffer.from(JSON.stringify(value))));
}

describe('the record of an image without a proof', () => {
  it('is found by its digest, with what its manifest says, and not by its key', async () => {
    const { store, image, byDigest, said, key } = await oldStore();
    await rewriteOld(store, byDigest, { ...said, blobs: [], asked: [{ attributePath: 'x', packageName: 'x' }] });
    const cache = imageCache(store, log);
    const found = (await cache.find(hexOf(image.digest))) ?? assert.fail();
    assert.equal(found.manifest, said['manifest']);
    assert.deepEqual(found.blobs, said['blobs']);
    assert.equal(found.asked, undefined);
    assert.equal(await cache.find(key), undefined);
    assert.equal(cache.peek(key), undefined);
  });

  it('is none where its manifest is another, or that of another', async () => {
    const { store, image, byDigest, said } = await oldStore();
    await rewriteOld(store, byDigest, { ...said, manifest: String(said['manifest']).replace('"size":', '"size":1') });
    assert.equal(await imageCache(store, log).find(hexOf(image.digest)), undefined);
    const other = await storeImage(store, ['jq', 'perl'], { unproved: true });
    await rewriteOld(store, byDigest, await saidIn(store, imageObject(hexOf(other.digest))));
    assert.equal(await imageCache(store, log).find(hexOf(image.digest)), undefined);
  });
});

describe('the record of an image with a proof', () => {
  it('is read by versions that know of none', async () => {
    const store = memoryStore();
    const { digest } = await storeImage(store, ['git', 'zlib']);
    const stored = (await store.readRecord(imageObject(hexOf(digest)))) ?? assert.fail();
    // As they read it: what is no part of the shape is left alone.
    const read = imageRecordSchema.parse(JSON.parse(stored.bytes.toString()));
    assert.deepEqual(read, await saidIn(store, imageObject(hexOf(digest))));
  });

  it('is none where its manifest is another', async () => {
    const store = memoryStore();
    const { digest } = await storeImage(store, ['git', 'zlib']);
    const key = imageObject(hexOf(digest));
    await rewrite(store, key, { ...(await saidIn(store, key)), manifest: '{}' });
    assert.equal(await imageCache(store, log).find(hexOf(digest)), undefined);
  });
});
