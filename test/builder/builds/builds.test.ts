import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { builds } from '../../../functions/builder/builds/builds.ts';
import type { ImageOutcome } from '../../../functions/builder/outcome.ts';
import { memoryStore } from '../../../functions/storage/memory.ts';

/** Two instances over one store. */
function instances() {
  const store = memoryStore();
  const clock = { nowMs: 1_800_000_000_000, putBackMs: 0 };
  const log = { warn: (about: unknown) => assert.fail(JSON.stringify(about)) };
  const instance = () =>
    builds({
      store,
      log,
      nowMs: () => clock.nowMs - clock.putBackMs,
      elapsedMs: () => clock.nowMs,
    });
  return { clock, instance, one: instance(), other: instance() };
}

const id = 'a'.repeat(64);
const asker = { repository: 'shell/git', reference: 'latest', user: 'ci' };
const failure: ImageOutcome = { kind: 'build-failed', message: 'it broke', logTail: [] };
const image = { kind: 'image', image: {}, from: 'built' } as unknown as ImageOutcome;

describe('builds', () => {
  it('are known where they run, with their state and their log', async () => {
    const { one } = instances();
    const build = one.begin(id, asker, 'abc');
    assert.equal((await one.find(id))?.summary.state, 'waiting');
    assert.deepEqual(one.counts(), { waiting: 1, running: 0 });
    build.run();
    build.log.add(Buffer.from('compiling\n'));
    const found = await one.find(id);
    assert.equal(found?.summary.state, 'running');
    assert.ok(found.live && found.log.lines.includes('compiling'));
    build.end(image);
    assert.equal((await one.find(id))?.summary.state, 'made');
    assert.deepEqual(one.counts(), { waiting: 0, running: 0 });
  });

  it('that fail are told to every instance, with why and the end of the log', async () => {
    const { one, other } = instances();
    const build = one.begin(id, asker, 'abc');
    build.run();
    for (let line = 0; line < 20_000; line++) build.log.add(Buffer.from(`line ${line}\n`));
    build.end(failure);
    await one.stop();
    const found = await other.find(id);
    assert.deepEqual([found?.summary.state, found?.summary.message, found?.live], ['failed', 'it broke', undefined]);
    assert.match(found?.log.lines.at(-1) ?? '', /failed after 0\.0 s: it broke/);
    assert.ok(found !== undefined && found.log.lines.length > 1_000 && found.log.lost > 1_000);
    assert.deepEqual(
      (await other.recent()).map(({ id, state }) => [id, state]),
      [[id, 'failed']],
    );
  });

  it('that run for more than a second are told of while they run, and count as lost when nothing is heard', async () => {
    const { one, other, clock } = instances();
    const build = one.begin(id, asker, 'abc');
    build.run();
    assert.equal(await other.find(id), undefined);
    // The timer itself is Node's.
    await sleep(1_300);
    assert.equal((await other.find(id))?.summary.state, 'running');
    clock.nowMs += 61_000;
    assert.equal((await other.find(id))?.summary.state, 'lost');
    build.end(undefined);
    await one.stop();
    assert.equal((await other.find(id))?.summary.state, 'stopped');
  });

  it('take as long as they do, and are in order, when the clock is put back', async () => {
    const { one, other, clock } = instances();
    const before = Array.from({ length: 50 }, (_, index) => index.toString(16).padStart(64, '0'));
    for (const early of before) {
      const build = one.begin(early, asker, 'abc');
      build.run();
      build.end(failure);
      // One after the other: of many who write the list at once, some are not in it.
      await one.stop();
    }
    const build = one.begin(id, asker, 'abc');
    build.run();
    clock.nowMs += 3_000;
    clock.putBackMs = 24 * 60 * 60 * 1000;
    build.end(failure);
    const { startedMs = 0, endedMs = 0 } = (await one.find(id))?.summary ?? {};
    assert.equal(endedMs - startedMs, 3_000);
    await one.stop();
    const late = one.begin('b'.repeat(64), asker, 'abc');
    late.run();
    late.end(failure);
    await one.stop();
    assert.equal((await other.recent()).length, 50);
    assert.ok((await other.recent()).some(({ id }) => id === 'b'.repeat(64)));
  });

  it('that are told of in the future and go on no more count as lost', async () => {
    const { one, other, clock } = instances();
    const build = one.begin(id, asker, 'abc');
    build.run();
    await sleep(1_300);
    assert.equal((await other.find(id))?.summary.state, 'running');
    clock.putBackMs = 61_000;
    assert.equal((await other.find(id))?.summary.state, 'lost');
    build.end(undefined);
    await one.stop();
  });

  it('that another instance makes are told of by that one alone', async () => {
    const { one, other, instance } = instances();
    const made = one.begin(id, asker, 'abc');
    made.claim();
    made.run();
    const waits = other.begin(id, asker, 'abc');
    await sleep(1_300);
    const third = instance();
    assert.equal((await third.find(id))?.summary.state, 'running');
    // It is told to stop while it waits.
    waits.end(undefined);
    await other.stop();
    assert.equal((await third.find(id))?.summary.state, 'running');
    made.end(failure);
    await one.stop();
    assert.equal((await third.find(id))?.summary.state, 'failed');
  });

  it('that another instance makes are shown as that one tells of them', async () => {
    const { one, other } = instances();
    const made = one.begin(id, asker, 'abc');
    made.run();
    const waits = other.begin(id, asker, 'abc');
    made.end(failure);
    await one.stop();
    waits.leave(failure);
    assert.match((await other.find(id))?.log.lines.join('\n') ?? '', /begins/);
  });
});
