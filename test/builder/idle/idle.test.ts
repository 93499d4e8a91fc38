import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { idleWork } from '../../../functions/builder/idle/idle.ts';
import type { ImageMaker } from '../../../functions/builder/make/make.ts';

describe('idle work', () => {
  const [order, call] = [{}, {}] as Parameters<ImageMaker['make']>;

  /** Goes on until it is stopped, and then for a moment. */
  function endless(): { work: (stop: AbortSignal) => Promise<void>; readonly isOver: boolean } {
    const state = {
      isOver: false,
      async work(stop: AbortSignal) {
        try {
          await sleep(10_000, undefined, { signal: stop });
        } finally {
          await sleep(5);
          state.isOver = true;
        }
      },
    };
    return state;
  }

  it('ends without a word when somebody asks for an image, who does not wait for it', async () => {
    const idle = idleWork();
    const asked: unknown[] = [];
    const maker = idle.endedBy({
      keyOf: () => 'the key',
      check: () => Promise.resolve(undefined),
      make(...asking) {
        asked.push(asking);
        return Promise.resolve({ kind: 'denied', message: 'by this test' });
      },
    });
    const state = endless();
    const running = idle.run(state.work);
    assert.equal(maker.keyOf(order), 'the key');
    assert.deepEqual(await maker.make(order, call), { kind: 'denied', message: 'by this test' });
    assert.deepEqual(asked, [[order, call]]);
    assert.equal(state.isOver, false);
    await running;
    assert.equal(state.isOver, true);
  });

  it('does not begin after that', async () => {
    const idle = idleWork();
    const maker = idle.endedBy({
      keyOf: () => '',
      check: () => Promise.resolve(undefined),
      make: () => Promise.resolve({ kind: 'denied', message: 'by this test' }),
    });
    await maker.make(order, call);
    await idle.run(() => assert.fail('it began'));
  });

  it('is over when it has ended', async () => {
    const idle = idleWork();
    const states = [endless(), endless()];
    const running = states.map((state) => idle.run(state.work));
    await idle.end();
    assert.deepEqual(
      states.map(({ isOver }) => isOver),
      [true, true],
    );
    await Promise.all(running);
  });

  it('tells who ran it what was wrong, and nobody else', async () => {
    const idle = idleWork();
    const failing = idle.run(async () => {
      await sleep(1);
      throw new Error('a full disk');
    });
    await assert.rejects(failing, /a full disk/);
    await idle.end();
  });
});
