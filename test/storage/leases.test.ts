import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobStore } from '../../functions/storage/blob-store.ts';
import { leases } from '../../functions/storage/leases.ts';
import { memoryStore } from '../../functions/storage/memory.ts';
import { objectKey } from '../../functions/storage/object-key.ts';

const silent = { warn: () => undefined };
const key = 'k'.repeat(64);
const object = objectKey('locks', key);

describe('a lease', () => {
  it('is given to one of many who want it', async () => {
    const store = memoryStore();
    const taken = await Promise.all(Array.from({ length: 20 }, () => leases({ store, log: silent }).take(key)));
    assert.equal(taken.filter((lease) => lease !== undefined).length, 1);
  });

  it('can be taken again when it was given back, and leaves nothing', async () => {
    const store = memoryStore();
    const made = leases({ store, log: silent });
    const lease = await made.take(key);
    assert.ok(lease !== undefined);
    assert.equal(await made.take(key), undefined);
    await lease.release();
    assert.equal(await store.stat(object), undefined);
    assert.notEqual(await made.take(key), undefined);
  });

  it('is taken over when its holder did not renew it for its length, by the clock of who waits', async () => {
    const store = memoryStore();
    const dead = leases({ store, log: silent, renewMs: 1e9 });
    const lease = await dead.take(key);
    const clock = { nowMs: 0 };
    const waiting = leases({ store, log: silent, leaseMs: 15_000, nowMs: () => clock.nowMs });
    assert.equal(await waiting.take(key), undefined);
    clock.nowMs = 14_000;
    assert.equal(await waiting.take(key), undefined);
    clock.nowMs = 15_001;
    const taken = await waiting.take(key);
    assert.notEqual(taken, undefined);
    // The one that was thought dead does not take the other's lease away.
    await lease?.release();
    assert.notEqual(await store.stat(object), undefined);
    await taken?.release();
    assert.equal(await store.stat(object), undefined);
  });

  it('is kept by a holder that renews it', async () => {
    const store = memoryStore();
    const lease = await leases({ store, log: silent, renewMs: 20 }).take(key);
    const waiting = leases({ store, log: silent, leaseMs: 150 });
    for (let look = 0; look < 20; look++) {
      assert.equal(await waiting.take(key), undefined);
      await sleep(20);
    }
    await lease?.release();
  });

  it('is kept by a holder whose renewal fails once', async () => {
    const store = memoryStore();
    const warnings: string[] = [];
    let failures = 0;
    const failing: BlobStore = {
      ...store,
      replaceRecord: (...record) =>
        failures++ === 0 ? Promise.reject(new Error('503')) : store.replaceRecord(...record),
    };
    const log = { warn: (...said: readonly unknown[]) => void warnings.push(String(said[1])) };
    const lease = await leases({ store: failing, log, renewMs: 20 }).take(key);
    const waiting = leases({ store, log: silent, leaseMs: 150 });
    for (let look = 0; look < 20; look++) {
      assert.equal(await waiting.take(key), undefined);
      await sleep(20);
    }
    assert.deepEqual(warnings, ['a lease could not be renewed: it is tried again until it is over']);
    await lease?.release();
    assert.equal(await store.stat(object), undefined);
  });

  it('that cannot be given back fails nothing, and is logged', async () => {
    const store = memoryStore();
    const warnings: string[] = [];
    const failing: BlobStore = { ...store, delete: () => Promise.reject(new Error('503')) };
    const log = { warn: (...said: readonly unknown[]) => void warnings.push(String(said[1])) };
    const lease = await leases({ store: failing, log }).take(key);
    await lease?.release();
    assert.deepEqual(warnings, ['a lease could not be given back: others wait until it is over']);
  });

  it('is not left without a holder when who takes it is aborted', async () => {
    const store = memoryStore();
    /** As a bucket's: nobody waits for a request that was aborted, and it goes on. */
    const slow: BlobStore = {
      ...store,
      createRecord: (name, bytes, { signal } = {}) =>
        new Promise((resolve, reject) => {
          signal?.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
          setTimeout(() => {
            resolve(store.createRecord(name, bytes));
          }, 50);
        }),
    };
    const stop = new AbortController();
    const taking = leases({ store: slow, log: silent }).take(key, { signal: stop.signal });
    setTimeout(() => {
      stop.abort(new Error('no longer wanted'));
    }, 10);
    const lease = await taking.catch(() => undefined);
    await lease?.release();
    await sleep(100);
    assert.equal(await store.stat(object), undefined);
  });

  it('whose record is broken is taken over after its length', async () => {
    const store = memoryStore();
    await store.createRecord(object, Buffer.from('no JSON'));
    const clock = { nowMs: 0 };
    const waiting = leases({ store, log: silent, leaseMs: 1000, nowMs: () => clock.nowMs });
    assert.equal(await waiting.take(key), undefined);
    clock.nowMs = 1001;
    assert.notEqual(await waiting.take(key), undefined);
  });
});
