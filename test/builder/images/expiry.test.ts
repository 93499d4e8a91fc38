import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { imageRecord } from '../../../functions/builder/image.ts';
import { renewal } from '../../../functions/builder/images/expiry.ts';
import { digestOfBytes } from '../../../functions/oci/digest.ts';
import type { BlobStore } from '../../../functions/storage/blob-store.ts';
import { memoryStore } from '../../../functions/storage/memory.ts';
import type { StorePath } from '../../../functions/nix/store-path.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const path = `/nix/store/${'a'.repeat(32)}-small` as StorePath;
const RECORD = imageRecord({
  key: 'key',
  revision: 'r',
  digest: digestOfBytes('manifest'),
  manifest: '{}',
  blobs: [digestOfBytes('config'), digestOfBytes('joined')],
  attributes: ['git'],
  system: 'x86_64-linux',
  packages: ['git'],
  contents: [{ path, name: 'content', digest: digestOfBytes('packed') }],
  joins: ['join'],
});

/** A store where things expire, which notes what is touched, in order. */
function expiring({ gone = [] as string[], fails = false } = {}) {
  const touched: string[] = [];
  const world = { nowMs: 1000 * DAY_MS, putBackMs: 0, imageUsedMs: 0 };
  const missing: string[] = [];
  const warned: unknown[] = [];
  const store: BlobStore = {
    ...memoryStore(),
    usedMs: () => asked(() => world.imageUsedMs),
    touch: (key) =>
      asked(() => {
        if (fails) throw new Error('the bucket is away');
        touched.push(key);
        return gone.includes(key) ? undefined : { sizeBytes: 1, generation: '1' };
      }),
  };
  let waiting = 0;
  async function asked<T>(answer: () => T): Promise<T> {
    waiting++;
    await sleep(Math.random() * 5);
    waiting--;
    return answer();
  }
  /** Waits until nothing is asked of the store, and nothing more comes of what it answered. */
  async function settled(): Promise<void> {
    do await turn();
    while (waiting > 0);
    await turn();
    if (waiting > 0) await settled();
  }
  const kept = renewal({
    store,
    log: { warn: (about: unknown) => warned.push(about) },
    missing: (blob) => {
      missing.push(blob);
      return Promise.resolve();
    },
    nowMs: () => world.nowMs - world.putBackMs,
    elapsedMs: () => world.nowMs,
  });
  return { kept, touched, missing, warned, world, settled };
}

const layer = (text: string) => `layers/${digestOfBytes(text).slice('sha256:'.length)}`;

describe('renewal', () => {
  it('touches all that an image needs, blobs first and its own record last', async () => {
    const { kept, touched, settled } = expiring();
    kept.served(RECORD);
    await settled();
    assert.deepEqual(touched.slice(0, 3).sort(), [layer('manifest'), layer('config'), layer('joined')].sort());
    assert.deepEqual(touched.slice(3), [
      layer('packed'),
      'contents/content',
      'joins/join',
      'packages/git',
      `images/${digestOfBytes('manifest').slice('sha256:'.length)}`,
      'images/key',
    ]);
    await kept.stop();
  });

  it('looks at an image once a day, and does nothing when another instance did it', async () => {
    const { kept, touched, world, settled } = expiring();
    kept.served(RECORD);
    await settled();
    const once = touched.length;
    assert.ok(once > 0);
    kept.served(RECORD);
    world.nowMs += DAY_MS - 1;
    kept.served(RECORD);
    await settled();
    assert.equal(touched.length, once);
    world.nowMs += 1;
    world.imageUsedMs = world.nowMs - 1000;
    kept.served(RECORD);
    await settled();
    assert.equal(touched.length, once, 'another instance did it a second ago');
    world.nowMs += DAY_MS;
    kept.served(RECORD);
    await settled();
    assert.equal(touched.length, 2 * once);
  });

  it('looks at an image as often when the clock is put back', async () => {
    const { kept, touched, world, settled } = expiring();
    kept.served(RECORD);
    await settled();
    const once = touched.length;
    world.nowMs += DAY_MS;
    world.putBackMs = 10 * DAY_MS;
    kept.served(RECORD);
    await settled();
    assert.equal(touched.length, 2 * once);
  });

  it('renews what a new image is made of, however fresh its own record is', async () => {
    const { kept, touched, world, settled } = expiring();
    world.imageUsedMs = world.nowMs;
    kept.made(RECORD);
    await settled();
    assert.ok(touched.includes(layer('packed')));
  });

  it('says which blob is gone, and leaves the records to expire', async () => {
    const { kept, touched, missing, settled } = expiring({ gone: [layer('joined')] });
    kept.served(RECORD);
    await settled();
    assert.deepEqual(missing, [digestOfBytes('joined')]);
    assert.ok(!touched.includes('images/key'));
  });

  it('tells of a failure in the log, and ends when it is told to', async () => {
    const { kept, warned, settled } = expiring({ fails: true });
    kept.served(RECORD);
    await settled();
    assert.equal(warned.length, 1);
    await kept.stop();
  });

  it('costs nothing where nothing expires', () => {
    const store = memoryStore();
    const touches: string[] = [];
    const watched = { ...store, touch: (key: string) => Promise.resolve(void touches.push(key)) };
    renewal({ store: watched, log: { warn: () => undefined }, missing: () => Promise.resolve() }).served(RECORD);
    assert.deepEqual(touches, []);
  });
});
