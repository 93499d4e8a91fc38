import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { sharedGate } from '../../../functions/nix/room/shared-gate.ts';

/** A gate whose visitors say when they come in, and leave when they are told. */
function watchedGate() {
  const gate = sharedGate();
  const inside: string[] = [];
  const enter = (kind: 'shared' | 'alone', name: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const left = gate[kind](async () => {
      inside.push(name);
      try {
        return await promise;
      } finally {
        inside.splice(inside.indexOf(name), 1);
      }
    });
    return {
      left,
      leave: () => {
        resolve(name);
      },
      fail: reject,
    };
  };
  return { inside, enter };
}

describe('a shared gate', () => {
  it('lets many in at once, and one alone', async () => {
    const { inside, enter } = watchedGate();
    const [a, b] = [enter('shared', 'a'), enter('shared', 'b')];
    const c = enter('alone', 'c');
    const d = enter('shared', 'd');
    const e = enter('alone', 'e');
    await turn();
    assert.deepEqual(inside, ['a', 'b']);
    a.leave();
    await a.left;
    await turn();
    assert.deepEqual(inside, ['b']);
    b.leave();
    await turn();
    assert.deepEqual(inside, ['c']);
    c.leave();
    await turn();
    assert.deepEqual(inside, ['e']);
    e.leave();
    await turn();
    assert.deepEqual(inside, ['d']);
    d.leave();
    assert.equal(await d.left, 'd');
  });

  it('opens again after work that fails', async () => {
    const { inside, enter } = watchedGate();
    const a = enter('shared', 'a');
    const b = enter('alone', 'b');
    a.fail(new Error('first'));
    await assert.rejects(a.left, /first/);
    await turn();
    b.fail(new Error('second'));
    await assert.rejects(b.left, /second/);
    const c = enter('shared', 'c');
    await turn();
    assert.deepEqual(inside, ['c']);
    c.leave();
    await c.left;
  });
});
