import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readiness } from '../../functions/registry/readiness.ts';
import { StorageError } from '../../functions/storage/blob-store.ts';
import { memoryStore } from '../../functions/storage/memory.ts';

function worldWith(stat: ReturnType<typeof memoryStore>['stat']) {
  let nowMs = 0;
  let asked = 0;
  const logged: unknown[] = [];
  const ready = readiness({
    store: {
      name: 'test',
      stat: (...args) => {
        asked++;
        return stat(...args);
      },
    },
    log: { warn: (about: unknown) => logged.push(about) },
    nowMs: () => nowMs,
  });
  return { ready, logged, asked: () => asked, advanceMs: (ms: number) => (nowMs += ms) };
}

const kindsOf = async ({ ready }: ReturnType<typeof worldWith>) => (await ready.problems()).map(({ kind }) => kind);

describe('readiness', () => {
  it('is what the store says, asked at most once a second', async () => {
    let broken = false;
    const memory = memoryStore();
    const world = worldWith((key) =>
      broken ? Promise.reject(new StorageError('test', 'stat', key, 'secret')) : memory.stat(key),
    );
    assert.deepEqual(await Promise.all([kindsOf(world), kindsOf(world), kindsOf(world)]), [[], [], []]);
    assert.equal(world.asked(), 1);
    broken = true;
    assert.deepEqual(await kindsOf(world), []);
    world.advanceMs(1_000);
    assert.deepEqual(await kindsOf(world), ['store-unreachable']);
    assert.equal(world.logged.length, 1);
    assert.ok(!JSON.stringify(await world.ready.problems()).includes('secret'));
    broken = false;
    world.advanceMs(1_000);
    assert.deepEqual(await kindsOf(world), []);
    assert.equal(world.asked(), 3);
  });

  for (const [trouble, kind] of [
    ['full', 'store-full'],
    ['read-only', 'store-read-only'],
    ['fault', 'store-unreachable'],
  ] as const) {
    it(`says that the store is ${kind} where writing fails so`, async () => {
      const memory = memoryStore();
      const error = new StorageError('test', 'write', 'uploads', 'secret', trouble);
      const ready = readiness({
        store: { ...memory, tryWriting: () => Promise.reject(error) },
        log: { warn: () => undefined },
      });
      const problems = await ready.problems();
      assert.deepEqual(
        problems.map((problem) => problem.kind),
        [kind],
      );
      assert.ok(!JSON.stringify(problems).includes('secret'));
    });
  }

  it('is asked as often when the clock is put back', async (test) => {
    test.mock.timers.enable({ apis: ['Date'], now: 2_000_000_000_000 });
    let asked = 0;
    const memory = memoryStore();
    const ready = readiness({
      store: { name: 'test', stat: (key) => memory.stat(key).finally(() => asked++) },
      log: { warn: () => assert.fail('it answers') },
    });
    await ready.problems();
    test.mock.timers.setTime(1_900_000_000_000);
    await sleep(1_050);
    await ready.problems();
    assert.equal(asked, 2);
  });

  it('does not wait long for a store that does not answer', async () => {
    const world = worldWith(
      (_key, { signal } = {}) =>
        new Promise((_resolve, reject) => {
          // What keeps a test alive: the timeout's own timer does not. Nothing but the signal ends this.
          const held = setInterval(() => undefined, 1_000);
          signal?.addEventListener('abort', () => {
            clearInterval(held);
            reject(signal.reason as Error);
          });
        }),
    );
    assert.deepEqual(await kindsOf(world), ['store-unreachable']);
  });

  it('is over once the process has been told to stop', async () => {
    const memory = memoryStore();
    const world = worldWith((key) => memory.stat(key));
    world.ready.stop();
    assert.deepEqual(await kindsOf(world), ['stopping']);
    assert.equal(world.asked(), 0);
  });
});
