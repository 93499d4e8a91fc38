import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { storeRoom } from '../../../functions/nix/room/room.ts';
import { StoreFullError } from '../../../functions/nix/build-room.ts';

const MIB = 2 ** 20;

/** A store of 100 MiB with a limit of 60, in which `live` and `garbage` bytes lie. */
function world({ live = 0, garbage = 0 } = {}) {
  const store = { live: live * MIB, garbage: garbage * MIB };
  const collected: number[] = [];
  const held = new Map<string, string[]>();
  const room = storeRoom({
    measure: () => {
      const usedBytes = store.live + store.garbage;
      return Promise.resolve({ totalBytes: 100 * MIB, freeBytes: 100 * MIB - usedBytes, usedBytes });
    },
    roots: {
      add: (build, paths) => {
        held.set(build, [...(held.get(build) ?? []), ...paths]);
        return Promise.resolve();
      },
      remove: (build) => {
        held.delete(build);
        return Promise.resolve();
      },
    },
    collect: (maxFreedBytes) => {
      collected.push(maxFreedBytes / MIB);
      store.garbage = Math.max(0, store.garbage - maxFreedBytes);
      return Promise.resolve();
    },
    limitBytes: 60 * MIB,
    log: { info: () => undefined, error: (about: unknown) => assert.fail(JSON.stringify(about)) },
  });
  return { store, room, collected, held };
}

const never = () => false;
const isFull = (error: unknown) => error === FULL;
const FULL = new Error('No space left on device');
const refusal = (lasts: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StoreFullError, String(error));
  assert.equal(error.lasts, lasts);
  assert.match(error.message, message);
  return true;
};

describe('the room of a Nix store', () => {
  it('is collected for a build that does not fit beside garbage', async () => {
    const { room, collected } = world({ live: 10, garbage: 70 });
    assert.equal(await room.open().adding(50 * MIB, () => Promise.resolve('built'), never), 'built');
    assert.deepEqual(collected, [80]);
  });

  it('is refused for ever to what is larger than it, with the figures', async () => {
    const { room } = world({ live: 10 });
    room.open();
    await assert.rejects(
      room.open().adding(150 * MIB, () => assert.fail('it was begun'), never),
      refusal('always', /needs 150 MiB in the Nix store, of whose 100 MiB 90 MiB are free$/),
    );
  });

  it('is refused for now while others hold it, and for ever to who is alone', async () => {
    const { room, store } = world();
    const first = room.open();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const building = first.adding(70 * MIB, () => promise, never);
    await turn();
    const second = room.open();
    const asking = () => second.adding(40 * MIB, () => Promise.resolve('built'), never);
    await assert.rejects(
      asking(),
      refusal('for-now', /needs 40 MiB .* 100 MiB 30 MiB are free while others are being made \(1\): try again later$/),
    );
    resolve(undefined);
    await building;
    store.live = 70 * MIB;
    await first.close();
    await assert.rejects(asking(), refusal('always', /of whose 100 MiB 30 MiB are free$/));
    store.live = 0;
    assert.equal(await asking(), 'built');
  });

  it('is collected and tried once more when a build fills it', async () => {
    const { room, collected } = world({ garbage: 40 });
    let tries = 0;
    const work = () => (++tries === 1 ? Promise.reject(FULL) : Promise.resolve('built'));
    assert.equal(await room.open().adding(0, work, isFull), 'built');
    assert.deepEqual(collected, [40]);
  });

  it('says what there was when it is not enough', async () => {
    const { room } = world({ live: 20, garbage: 40 });
    const work = () => Promise.reject(FULL);
    await assert.rejects(
      room.open().adding(0, work, isFull),
      refusal('always', /needs more room than there is in the Nix store, of whose 100 MiB 80 MiB are free$/),
    );
    const other = new Error('no compiler');
    await assert.rejects(
      room.open().adding(0, () => Promise.reject(other), isFull),
      (error) => error === other,
    );
    // What failed is promised nothing any more.
    assert.equal(await room.open().adding(80 * MIB, () => Promise.resolve('built'), never), 'built');
  });

  it('is tried again when those that had a part of it ended meanwhile', async () => {
    const { room } = world();
    const [before, own] = [room.open(), room.open()];
    const tries: string[] = [];
    const work = async () => {
      if (tries.push('try') <= 2) {
        if (tries.length === 2) await before.close();
        throw FULL;
      }
      if (tries.length === 3) {
        await room.open().close();
        throw FULL;
      }
      return 'built';
    };
    assert.equal(await own.adding(0, work, isFull), 'built');
    assert.equal(tries.length, 4);
  });

  it('is collected down to half its limit after a build that leaves it above', async () => {
    const { room, store, collected } = world({ garbage: 50 });
    await room.open().close();
    await room.idle();
    assert.deepEqual(collected, []);
    store.garbage = 90 * MIB;
    await room.open().close();
    await room.idle();
    assert.deepEqual(collected, [60]);
  });

  it('is not collected while paths are made that nobody holds yet', async () => {
    const { room, collected } = world({ garbage: 90 });
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const evaluating = room.open().keepingAll(() => promise);
    await room.open().close();
    await turn();
    assert.deepEqual(collected, []);
    resolve(undefined);
    await evaluating;
    await room.idle();
    assert.deepEqual(collected, [60]);
  });

  it('is held for each build until that ends', async () => {
    const { room, held } = world();
    const [first, second] = [room.open(), room.open()];
    const path = '/nix/store/x' as Parameters<typeof first.hold>[0] extends Iterable<infer T> ? T : never;
    await first.hold([path]);
    await second.hold([path]);
    await first.close();
    assert.deepEqual([...held.values()], [[path]]);
    await second.close();
    assert.equal(held.size, 0);
  });
});
