import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { weightedLimit } from '../../functions/concurrency/weighted-limit.ts';

/** Work that ends when it is told to. */
function held() {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const state = { started: false };
  const work = (): Promise<undefined> => {
    state.started = true;
    return promise;
  };
  return {
    state,
    work,
    end: () => {
      resolve(undefined);
    },
  };
}

describe('a limit of weight', () => {
  it('starts in order what fits, and alone what is heavier than all', async () => {
    const limit = weightedLimit(10);
    const [one, two, heavy, last] = [held(), held(), held(), held()];
    const all = [limit(6, one.work), limit(4, two.work), limit(30, heavy.work), limit(1, last.work)];
    const started = () => [one, two, heavy, last].map(({ state }) => state.started);
    await nextTurn();
    assert.deepEqual(started(), [true, true, false, false]);
    one.end();
    await nextTurn();
    assert.deepEqual(started(), [true, true, false, false]);
    two.end();
    await nextTurn();
    assert.deepEqual(started(), [true, true, true, false]);
    heavy.end();
    last.end();
    await Promise.all(all);
  });

  it('lets who waits go at once when it is aborted, and those behind it start', async () => {
    const limit = weightedLimit(10);
    const [running, aborted, light] = [held(), held(), held()];
    const stop = new AbortController();
    const first = limit(6, running.work);
    const waiting = limit(10, aborted.work, stop.signal);
    const behind = limit(4, light.work);
    await nextTurn();
    assert.equal(light.state.started, false);
    stop.abort(new Error('no longer wanted'));
    await assert.rejects(waiting, /no longer wanted/);
    await nextTurn();
    assert.equal(light.state.started, true);
    running.end();
    light.end();
    await Promise.all([first, behind]);
    assert.equal(aborted.state.started, false);
    await assert.rejects(
      limit(1, () => Promise.resolve(), stop.signal),
      /no longer wanted/,
    );
    // Nothing of their weight is left.
    assert.equal(await limit(10, () => Promise.resolve(7)), 7);
  });

  it('gives the weight of work that fails back', async () => {
    const limit = weightedLimit(10);
    await assert.rejects(
      limit(10, () => Promise.reject(new Error('broken'))),
      /broken/,
    );
    assert.equal(await limit(10, () => Promise.resolve(7)), 7);
  });
});
