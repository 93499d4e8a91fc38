import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { z } from 'zod';
import { publishBlob } from '../../../functions/storage/publish-blob.ts';
import { digestOfBytes } from '../../../functions/oci/digest.ts';
import { type BlobStore, StorageError, type StoreNotice } from '../../../functions/storage/blob-store.ts';
import { bucketClient } from '../../../functions/storage/gcs/client.ts';
import { BucketUnusableError, checkBucket } from '../../../functions/storage/gcs/start.ts';
import { bucketStore } from '../../../functions/storage/gcs/store.ts';
import { blobKey } from '../../../functions/storage/known-blobs.ts';
import { objectKey, type ObjectKey } from '../../../functions/storage/object-key.ts';
import { findRecord, settleRecord } from '../../../functions/storage/record.ts';
import { OBJECT_USER } from '../../support/bucket/access.ts';
import { unavailable } from '../../support/bucket/faults.ts';
import { type BucketDouble, environmentOf, startBucket } from '../../support/bucket/server.ts';
import { storeOver } from '../../support/bucket/store.ts';
import { blobStoreConformance } from '../conformance.ts';

const doubles = new WeakMap<BlobStore, BucketDouble>();

async function openStore(double: BucketDouble): Promise<BlobStore> {
  const store = await storeOver(double);
  doubles.set(store, double);
  return store;
}

async function freshStore(context: TestContext): Promise<BlobStore> {
  const double = await startBucket();
  context.after(async () => {
    await double[Symbol.asyncDispose]();
  });
  return openStore(double);
}

function doubleOf(store: BlobStore): BucketDouble {
  const double = doubles.get(store);
  if (double === undefined) throw new Error('not a store of these tests');
  return double;
}

blobStoreConformance('a store in a bucket', freshStore, {
  countStaged: (store) => Promise.resolve(doubleOf(store).objects.names('uploads/').length),
  openAnother: (store) => openStore(doubleOf(store)),
});

/** What goes wrong at Cloud Storage and on the way to it, with the client library as it is. */

const MIB = 1024 * 1024;
const SMALL = objectKey('layers', 'a'.repeat(64));
const LARGE = objectKey('layers', 'b'.repeat(64));
const RECORD = objectKey('images', 'record');
const small = Buffer.from('a small blob');
/** Several chunks of an upload, the last one not full. */
const large = randomBytes(9 * MIB + 1000);

async function publishBytes(store: BlobStore, key: ObjectKey, bytes: Buffer) {
  const staging = await store.stage();
  await pipeline(Readable.from(pieces(bytes), { objectMode: false }), staging.writable);
  return staging.publish(key);
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024);
}

async function contentAt(store: BlobStore, key: ObjectKey): Promise<Buffer | undefined> {
  const found = await store.read(key);
  return found && (await buffer(found.stream));
}

/** Publishes both kinds of blobs and a record, and reads them. */
async function everythingWorks(store: BlobStore): Promise<void> {
  assert.equal(await publishBytes(store, SMALL, small), 'created');
  assert.equal(await publishBytes(store, LARGE, large), 'created');
  assert.equal(await store.createRecord(RECORD, small), true);
  const record = await store.readRecord(RECORD);
  assert.deepEqual(record?.bytes, small);
  assert.equal(await store.replaceRecord(RECORD, Buffer.from('new'), record.generation), true);
  assert.ok((await contentAt(store, SMALL))?.equals(small));
  assert.ok((await contentAt(store, LARGE))?.equals(large));
  assert.equal((await store.stat(LARGE))?.sizeBytes, large.length);
  const keys: string[] = [];
  for await (const { key } of store.list('layers')) keys.push(key);
  assert.deepEqual(keys, [SMALL, LARGE]);
  assert.deepEqual(doubleOf(store).objects.names('uploads/'), []);
  assert.equal(await store.delete(SMALL), true);
}

const isApi = ({ path }: { path: string }) => path.includes('/storage/v1/');
const isUpload = ({ method, path }: { method: string; path: string }) =>
  method === 'PUT' && path.includes('upload_id=');
const isMedia = ({ path }: { path: string }) => path.includes('alt=media');
const isMove = ({ path }: { path: string }) => path.includes('/moveTo/');

/** An error that says what was tried with what, why it failed, and nothing secret. */
function namesEverything(key: ObjectKey | RegExp, cause: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof StorageError, String(error));
    assert.match(error.message, /^bucket team-bucket: cannot /);
    assert.ok(typeof key === 'string' ? error.message.includes(key) : key.test(error.message), error.message);
    assert.match(error.message, cause);
    for (const text of [inspect(error, { depth: 10 }), JSON.stringify(error)]) {
      assert.ok(!/ya29\.|authorization/i.test(text), `it holds a credential: ${text}`);
    }
    return true;
  };
}

describe('a store in a bucket, when Cloud Storage fails for the moment,', () => {
  for (const [what, fault] of [
    ['503', unavailable()],
    ['429, quota', unavailable(429)],
    ['500', unavailable(500)],
    ['a reset connection', { kind: 'reset' }],
  ] as const) {
    it(`asks again after ${what}`, async (context) => {
      const store = await freshStore(context);
      // Of a repeated chunk and the question before it only the first is hit.
      let count = 0;
      doubleOf(store).addFault({ when: (request) => isApi(request) && count++ % 3 === 0, times: 6, fault });
      await everythingWorks(store);
    });
  }

  it('takes what a request did whose answer was lost as its own success', async (context) => {
    const store = await freshStore(context);
    let count = 0;
    const when = (request: { method: string; path: string }) =>
      isApi(request) && request.method !== 'GET' && request.method !== 'DELETE' && count++ % 3 === 0;
    doubleOf(store).addFault({ when, times: 6, fault: { kind: 'lost-answer' } });
    await everythingWorks(store);
    const lost = doubleOf(store).requests.filter(({ status, method }) => status === 0 && method !== 'GET');
    assert.ok(lost.length >= 4, `${lost.length} answers were lost`);
    assert.ok(doubleOf(store).requests.some(({ status }) => status === 412));
  });

  for (const [what, when] of [
    [
      'last chunk of an upload',
      ({ headers }: { headers: IncomingHttpHeaders }) => /\/\d+$/.test(headers['content-range'] ?? ''),
    ],
    ['move to its key', isMove],
  ] as const) {
    it(`finds a blob where it belongs when the answer to the ${what} is lost`, async (context) => {
      const store = await freshStore(context);
      doubleOf(store).addFault({ when, fault: { kind: 'lost-answer' } });
      assert.equal(await publishBytes(store, LARGE, large), 'created');
      assert.ok((await contentAt(store, LARGE))?.equals(large));
      assert.ok(doubleOf(store).requests.some(({ status }) => status === 0));
    });
  }

  it('waits for a slow answer', async (context) => {
    const store = await freshStore(context);
    doubleOf(store).addFault({ when: isApi, times: 3, fault: { kind: 'slow', delayMs: 500 } });
    assert.equal(await store.createRecord(RECORD, small), true);
    assert.deepEqual((await store.readRecord(RECORD))?.bytes, small);
  });

  it('stops waiting when it is told to', async (context) => {
    const store = await freshStore(context);
    const delayMs = 3_000;
    doubleOf(store).addFault({ when: isApi, fault: { kind: 'slow', delayMs } });
    const before = doubleOf(store).requests.length;
    const answered = () =>
      doubleOf(store)
        .requests.slice(before)
        .filter(({ target, status }) => isApi({ path: target }) && status !== 0);
    const reason = new Error('enough');
    const abort = new AbortController();
    setTimeout(() => {
      abort.abort(reason);
    }, 200);
    await assert.rejects(store.stat(RECORD, { signal: abort.signal }), reason);
    assert.deepEqual(answered(), []);
    // The client's library waits for its answer, and would ask a bucket that has gone for another minute.
    await sleep(delayMs);
  });
});

describe('a store in a bucket, on a bad connection,', () => {
  for (const afterBytes of [1, MIB / 2, MIB]) {
    it(`goes on with an upload that was reset after ${afterBytes} bytes of a chunk`, async (context) => {
      const store = await freshStore(context);
      let count = 0;
      const when = (request: { method: string; path: string }) => isUpload(request) && count++ === 1;
      doubleOf(store).addFault({ when, fault: { kind: 'reset-upload', afterBytes } });
      assert.equal(await publishBytes(store, LARGE, large), 'created');
      assert.ok((await contentAt(store, LARGE))?.equals(large));
    });
  }

  it('goes on with a download that is reset, where it was', async (context) => {
    const store = await freshStore(context);
    await publishBytes(store, LARGE, large);
    doubleOf(store).addFault({ when: isMedia, times: 3, fault: { kind: 'reset-download', afterBytes: 2 * MIB } });
    assert.ok((await contentAt(store, LARGE))?.equals(large));
    doubleOf(store).addFault({ when: isMedia, fault: { kind: 'reset-download', afterBytes: MIB } });
    const part = await store.read(LARGE, { range: { start: 1000, end: 3 * MIB } });
    assert.ok(part && (await buffer(part.stream)).equals(large.subarray(1000, 3 * MIB + 1)));
  });

  it('never mixes two generations in one download', async (context) => {
    const store = await freshStore(context);
    await publishBytes(store, LARGE, Buffer.alloc(20 * MIB, 'old'));
    doubleOf(store).addFault({ when: isMedia, fault: { kind: 'reset-download', afterBytes: 5 * MIB } });
    const found = await store.read(LARGE);
    assert.ok(found);
    assert.equal(await publishBytes(store, LARGE, large), 'replaced');
    await assert.rejects(buffer(found.stream), namesEverything(LARGE, /it was deleted when it was read up to byte/));
  });

  it('refuses bytes that were changed on their way', async (context) => {
    const store = await freshStore(context);
    doubleOf(store).addFault({ when: isUpload, times: 99, fault: { kind: 'corrupt-upload' } });
    await assert.rejects(publishBytes(store, LARGE, large), namesEverything(/uploads\//, /the bucket received .* MD5/));
    doubleOf(store).clearFaults();
    doubleOf(store).addFault({ when: isApi, fault: { kind: 'corrupt-upload' } });
    await assert.rejects(publishBytes(store, SMALL, small), namesEverything(SMALL, /MD5 hash/));
    doubleOf(store).clearFaults();
    doubleOf(store).addFault({ when: isApi, fault: { kind: 'corrupt-upload' } });
    await assert.rejects(store.createRecord(RECORD, small), namesEverything(RECORD, /MD5 hash/));
    assert.deepEqual(doubleOf(store).objects.names(), []);
  });
});

const attempts: Readonly<Record<string, (store: BlobStore) => Promise<unknown>>> = {
  stat: (store) => store.stat(SMALL),
  touch: (store) => store.touch(SMALL),
  read: (store) => store.read(SMALL),
  readRecord: (store) => store.readRecord(SMALL),
  createRecord: (store) => store.createRecord(SMALL, small),
  replaceRecord: (store) => store.replaceRecord(SMALL, small, '1'),
  publish: (store) => publishBytes(store, SMALL, small),
  delete: (store) => store.delete(SMALL),
};

describe('a store in a bucket that takes requests and does not answer', () => {
  /** A store that waits shortly, and its bucket; `context` ends both. */
  async function impatientStore(context: TestContext) {
    const double = await startBucket();
    context.after(() => double[Symbol.asyncDispose]());
    const store = await storeOver(double, { answerMs: 500, patientAnswerMs: 2_500 });
    return { store, double };
  }

  it('gives up at one time, however often it was asked, and says why', async (context) => {
    const { store, double } = await impatientStore(context);
    assert.equal(await publishBytes(store, SMALL, small), 'created');
    double.addFault({ when: isApi, times: Infinity, fault: { kind: 'hang' } });
    const failures = Object.values(attempts).map((attempt) =>
      attempt(store).then(
        () => assert.fail('it answered'),
        (error: unknown) => error,
      ),
    );
    const listing = store.list('layers')[Symbol.asyncIterator]().next();
    failures.push(
      listing.then(
        () => assert.fail('it answered'),
        (error: unknown) => error,
      ),
    );
    for (const error of await Promise.all(failures)) {
      assert.ok(error instanceof StorageError, String(error));
      assert.match(error.message, /the bucket says nothing for \d+ s/);
      assert.equal(error.trouble, 'unreachable');
    }
    double.clearFaults();
    assert.equal((await store.stat(SMALL))?.sizeBytes, small.length);
  });

  it('waits longer where nobody stands by', async (context) => {
    const { store, double } = await impatientStore(context);
    await store.createRecord(RECORD, small);
    double.addFault({ when: isApi, times: 2, fault: { kind: 'slow', delayMs: 1_500 } });
    await assert.rejects(store.readRecord(RECORD), /says nothing/);
    assert.deepEqual((await store.patient?.readRecord(RECORD))?.bytes, small);
  });

  it('is not waited for when it has begun to answer with a record, and goes on with a blob', async (context) => {
    const double = await startBucket();
    context.after(() => double[Symbol.asyncDispose]());
    const store = await storeOver(double, { answerMs: 3_000, stalledMs: 300 });
    assert.equal(await publishBytes(store, LARGE, large), 'created');
    await store.createRecord(RECORD, large);
    for (const afterBytes of [0, MIB]) {
      double.addFault({ when: isMedia, fault: { kind: 'stall-download', afterBytes } });
      assert.ok((await contentAt(store, LARGE))?.equals(large));
    }
    double.addFault({ when: isMedia, times: Infinity, fault: { kind: 'stall-download', afterBytes: MIB } });
    const error = await store.readRecord(RECORD).catch((failure: unknown) => failure);
    assert.ok(error instanceof StorageError && error.trouble === 'unreachable', String(error));
  });

  it('counts how far a long upload came, and not how long it took', async (context) => {
    const { store, double } = await impatientStore(context);
    // Each chunk takes more than a call may, and all of them more than a patient one.
    double.addFault({ when: isUpload, times: Infinity, fault: { kind: 'slow', delayMs: 700 } });
    assert.equal(await publishBytes(store, LARGE, large), 'created');
    double.clearFaults();
    assert.ok((await contentAt(store, LARGE))?.equals(large));
  });
});

describe('a store in a bucket, when it fails for good,', () => {
  it('says that the bucket is missing, which is not the absence of an object', async (context) => {
    const store = await freshStore(context);
    doubleOf(store).setExists(false);
    for (const attempt of Object.values(attempts)) {
      await assert.rejects(attempt(store), namesEverything(SMALL, /bucket does not exist/));
    }
    await assert.rejects(publishBytes(store, LARGE, large), namesEverything(/uploads\//, /bucket does not exist/));
    await assert.rejects(
      async () => {
        for await (const one of store.list('layers')) assert.fail(one.key);
      },
      namesEverything(/layers/, /bucket does not exist/),
    );
  });

  it('says which right is missing', async (context) => {
    const store = await freshStore(context);
    const { access, account } = doubleOf(store);
    assert.equal(await store.createRecord(SMALL, small), true);
    access.revoke(account, OBJECT_USER);
    for (const attempt of Object.values(attempts)) {
      await assert.rejects(attempt(store), namesEverything(SMALL, /storage\.objects\.(get|create|delete)/));
    }
  });

  it('says what the bucket answered', async (context) => {
    const store = await freshStore(context);
    const message = 'The location constraint of the organization forbids this region.';
    doubleOf(store).addFault({
      when: isApi,
      times: 99,
      fault: { kind: 'status', status: 400, reason: 'invalid', message },
    });
    for (const attempt of Object.values(attempts)) {
      await assert.rejects(attempt(store), namesEverything(SMALL, /location constraint/));
    }
  });

  it('leaves nothing of an upload that fails at its end', async (context) => {
    const store = await freshStore(context);
    doubleOf(store).addFault({
      when: isMove,
      fault: { kind: 'status', status: 403, reason: 'forbidden', message: 'No.' },
    });
    await assert.rejects(publishBytes(store, LARGE, large), namesEverything(LARGE, /No\./));
    assert.deepEqual(doubleOf(store).objects.names(), []);
  });
});

describe('objects in a bucket', () => {
  it('have a type, no encoding, a writer, and the time of their creation as custom time', async (context) => {
    const store = await freshStore(context);
    const { objects, nowMs } = doubleOf(store);
    await everythingWorks(store);
    const [blob, record] = [objects.get(LARGE), objects.get(RECORD)];
    assert.equal(blob.contentType, 'application/octet-stream');
    assert.equal(record.contentType, 'application/json');
    for (const object of [blob, record]) {
      assert.equal(object.contentEncoding, undefined);
      assert.ok(Math.abs(Date.parse(object.customTime ?? '') - nowMs()) < 60_000);
    }
  });

  it('get a new custom time by use, at most once a day, and keep their generation', async (context) => {
    const store = await freshStore(context);
    const double = doubleOf(store);
    for (const key of [SMALL, RECORD]) {
      await store.delete(key);
      await store.createRecord(key, small);
      await store.touch(key);
      double.advanceMs(23 * 60 * 60 * 1000);
      await store.touch(key);
      assert.equal(double.objects.get(key).metageneration, 1);
      double.advanceMs(61 * 60 * 1000);
      const before = await store.stat(key);
      await Promise.all([store.touch(key), store.touch(key), store.touch(key)]);
      await store.touch(key);
      assert.equal(double.objects.get(key).metageneration, 2);
      assert.ok(double.nowMs() - Date.parse(double.objects.get(key).customTime ?? '') < 60_000);
      assert.deepEqual(await store.stat(key), before);
    }
  });

  it('go up in one request when they are small, and a large one by two more', async (context) => {
    const store = await freshStore(context);
    const { requests } = doubleOf(store);
    await store.stat(SMALL);
    const count = async (work: Promise<unknown>) => {
      const before = requests.length;
      await work;
      return requests.length - before;
    };
    assert.equal(await count(store.createRecord(RECORD, small)), 1);
    assert.equal(await count(publishBytes(store, SMALL, small)), 1);
    assert.equal(await count(store.readRecord(RECORD)), 1);
    // A session, two short chunks, four long ones, the move.
    assert.equal(await count(publishBytes(store, LARGE, large)), 8);
  });

  it('are replaced when they are a fragment, which the log hears', async (context) => {
    const heard: StoreNotice[] = [];
    const double = await startBucket();
    context.after(() => double[Symbol.asyncDispose]());
    Object.assign(process.env, environmentOf(double));
    const { bucket } = await bucketClient(double.bucket, { apiEndpoint: double.endpoint });
    const store = bucketStore(bucket, { notice: (notice) => heard.push(notice) });
    for (const content of [small, large]) {
      const key = blobKey(digestOfBytes(content));
      double.objects.put(key, [content.subarray(0, content.length - 1)], {}, {});
      await publishBlob(store, Readable.from([content]));
      assert.ok((await contentAt(store, key))?.equals(content));
      assert.deepEqual(heard.pop(), { kind: 'replaced-blob', key, reason: 'its content was not what its name says' });
    }
    // It is there: that what was staged cannot be removed is no failure.
    double.addFault({
      when: ({ method }) => method === 'DELETE',
      times: Infinity,
      fault: { kind: 'status', status: 403, reason: 'forbidden', message: 'No.' },
    });
    assert.equal((await publishBlob(store, Readable.from([large]))).sizeBytes, large.length);
    assert.equal(heard.pop()?.kind, 'staging-left');
    double.clearFaults();
    double.objects.put(RECORD, [Buffer.from('no JSON')], {}, {});
    const schema = z.object({ version: z.literal(1) });
    const found = await findRecord(store, RECORD, schema);
    assert.equal(heard.pop()?.kind, 'broken-record');
    assert.deepEqual(await settleRecord(store, RECORD, schema, { version: 1 }, found), { version: 1 });
    const mended = await findRecord(store, RECORD, schema);
    assert.deepEqual(mended.kind === 'found' && mended.value, { version: 1 });
  });
});

describe('the start over a bucket', () => {
  async function check(double: BucketDouble): Promise<void> {
    Object.assign(process.env, environmentOf(double));
    await checkBucket(await bucketClient(double.bucket, { apiEndpoint: double.endpoint, maxRetries: 1 }));
  }

  it('needs no right but those of objects, and leaves nothing', async (context) => {
    const double = await startBucket();
    context.after(() => double[Symbol.asyncDispose]());
    await check(double);
    assert.deepEqual(double.objects.names(), []);
  });

  it('ends with the bucket, the account and what to grant', async (context) => {
    const double = await startBucket();
    context.after(() => double[Symbol.asyncDispose]());
    const grant = `gcloud storage buckets add-iam-policy-binding gs://team-bucket --member=serviceAccount:${double.account} --role=roles/storage.objectUser`;
    for (const right of ['storage.objects.create', 'storage.objects.list', 'storage.objects.delete']) {
      double.access.revoke(double.account, [right]);
      await assert.rejects(check(double), (error) => {
        assert.ok(error instanceof BucketUnusableError);
        for (const part of ['team-bucket', double.account, right, grant])
          assert.ok(error.message.includes(part), error.message);
        return true;
      });
      double.access.grant(double.account, [right]);
    }
    double.setExists(false);
    await assert.rejects(check(double), /team-bucket .*does not exist.* Create the bucket, or set BUCKET/);
    double.setExists(true);
    double.addFault({ when: isApi, times: 99, fault: unavailable() });
    await assert.rejects(check(double), /team-bucket .*internal error.* status of Cloud Storage/);
  });

  it('ends when nobody answers', async () => {
    const double = await startBucket();
    await double[Symbol.asyncDispose]();
    await assert.rejects(check(double), BucketUnusableError);
  });
});
