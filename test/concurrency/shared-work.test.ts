import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sharedWork } from '../../functions/concurrency/shared-work.ts';

describe('sharedWork', () => {
  it('runs once for all who ask at the same time, and again for who asks later', async () => {
    const share = sharedWork<number>();
    let runs = 0;
    const work = async () => {
      await sleep(5);
      return ++runs;
    };
    assert.deepEqual(await Promise.all([share('a', work), share('a', work), share('b', work)]), [1, 1, 2]);
    assert.equal(await share('a', work), 3);
  });

  it('gives a failure to all, and does not remember it', async () => {
    const share = sharedWork<string>();
    const fail = () => Promise.reject(new Error('broken'));
    const both = await Promise.allSettled([share('a', fail), share('a', fail)]);
    assert.deepEqual(
      both.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal(await share('a', () => Promise.resolve('whole')), 'whole');
  });

  it('goes on while one caller is left', async () => {
    const share = sharedWork<string>();
    const stop = new AbortController();
    let aborted = false;
    const work = async (signal: AbortSignal) => {
      await sleep(20);
      aborted = signal.aborted;
      return 'done';
    };
    const leaving = share('a', work, { signal: stop.signal });
    const staying = share('a', work);
    stop.abort(new Error('bye'));
    await assert.rejects(leaving, /bye/);
    assert.equal(await staying, 'done');
    assert.equal(aborted, false);
  });

  it('aborts the work when the last caller leaves, and waits for its end', async () => {
    const share = sharedWork<string>();
    const stop = new AbortController();
    let ended = false;
    const work = (signal: AbortSignal) =>
      sleep(10_000, 'late', { signal }).finally(async () => {
        await sleep(10);
        ended = true;
      });
    const leaving = share('a', work, { signal: stop.signal });
    stop.abort(new Error('bye'));
    await assert.rejects(leaving, /bye/);
    assert.equal(ended, true);
  });

  it('starts anew for who comes when the work is being aborted', async () => {
    const share = sharedWork<string>();
    const stop = new AbortController();
    const leaving = share('a', (signal) => sleep(10_000, 'late', { signal }), { signal: stop.signal });
    stop.abort(new Error('bye'));
    const settled = assert.rejects(leaving, /bye/);
    await sleep(0);
    assert.equal(await share('a', () => Promise.resolve('new')), 'new');
    await settled;
  });
});
