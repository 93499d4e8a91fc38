import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pins } from '../../functions/builder/pins.ts';
import { type PackageSource, type Pin, SourceError } from '../../functions/nix/source.ts';
import { StorageError } from '../../functions/storage/blob-store.ts';
import { memoryStore } from '../../functions/storage/memory.ts';

/** A source whose answers the test sets, and that counts how often it is asked. */
function fakeSource(isLocal = false, commits?: string) {
  const world = { asked: 0, answer: { kind: 'pinned', revision: 'a'.repeat(40) } as Pin | Error };
  const source: PackageSource = {
    description: 'fake',
    identity: { kind: 'fake' },
    ...(commits !== undefined && { commits }),
    isLocal,
    isFixed: true,
    pin: async () => {
      world.asked++;
      await Promise.resolve();
      if (world.answer instanceof Error) throw world.answer;
      return world.answer;
    },
    at: () => ({ kind: 'folder', path: '/' }),
    references: () => Promise.resolve([]),
    confirm: () => Promise.resolve(),
  };
  return { world, source };
}

function setUp({
  isLocal = false,
  store = memoryStore(),
  clock = { nowMs: 1_000_000, putBackMs: 0 },
  commits = '',
} = {}) {
  const { world, source } = fakeSource(isLocal, commits === '' ? undefined : commits);
  const warnings: string[] = [];
  const log = { warn: (_about: unknown, message?: string) => void warnings.push(message ?? '') };
  const made = pins({
    ...{ store, source, log, pinForMs: 300_000 },
    nowMs: () => clock.nowMs - clock.putBackMs,
    elapsedMs: () => clock.nowMs,
  });
  return { world, store, clock, warnings, pins: made };
}

const DAY_MS = 24 * 60 * 60 * 1000;
const first = 'a'.repeat(40);
const second = 'b'.repeat(40);

describe('a pin', () => {
  it('is looked up once for all who ask at the same time, and once in five minutes', async () => {
    const { world, pins, clock } = setUp();
    await Promise.all(Array.from({ length: 20 }, () => pins.pin('latest')));
    assert.equal(world.asked, 1);
    clock.nowMs += 299_000;
    assert.deepEqual(await pins.pin('latest'), { kind: 'pinned', revision: first });
    assert.equal(world.asked, 1);
    world.answer = { kind: 'pinned', revision: second };
    clock.nowMs += 2_000;
    assert.deepEqual(await pins.pin('latest'), { kind: 'pinned', revision: second });
    assert.equal(world.asked, 2);
  });

  it('is shared with other instances through the store', async () => {
    const one = setUp();
    await one.pins.pin('latest');
    const other = setUp({ store: one.store, clock: one.clock });
    other.world.answer = { kind: 'pinned', revision: second };
    assert.deepEqual(await other.pins.pin('latest'), { kind: 'pinned', revision: first });
    assert.equal(other.world.asked, 0);
  });

  it('is believed for no longer when the clock is put back, here and at other instances', async () => {
    const { world, store, pins, clock } = setUp();
    await pins.pin('latest');
    world.answer = { kind: 'pinned', revision: second };
    clock.putBackMs = DAY_MS;
    clock.nowMs += 301_000;
    assert.deepEqual(await pins.pin('latest'), { kind: 'pinned', revision: second });
    // What the store still says of the day that was.
    const other = setUp({ store, clock: { nowMs: clock.nowMs, putBackMs: 2 * DAY_MS } });
    other.world.answer = { kind: 'pinned', revision: first };
    assert.deepEqual(await other.pins.pin('latest'), { kind: 'pinned', revision: first });
    await other.pins.pin('latest');
    assert.equal(other.world.asked, 1);
  });

  it('is used when it is out of date and the source does not answer, and says so', async () => {
    const { world, pins, clock, warnings } = setUp();
    await pins.pin('latest');
    world.answer = new SourceError('it is down');
    clock.nowMs += 400_000;
    assert.deepEqual(await pins.pin('latest'), { kind: 'pinned', revision: first, stale: 'it is down' });
    assert.deepEqual(warnings, ['a pin that is out of date is used']);
    // The source is left alone for a moment, and asked again after it.
    await pins.pin('latest');
    assert.equal(world.asked, 2);
    world.answer = { kind: 'pinned', revision: second };
    clock.nowMs += 11_000;
    assert.deepEqual(await pins.pin('latest'), { kind: 'pinned', revision: second });
  });

  it('is used when it is out of date and the store is full, and that is said without a path', async () => {
    const memory = memoryStore();
    let isFull = false;
    const full = (key: string) => Promise.reject(new StorageError('folder /srv', 'write', key, 'no room', 'full'));
    const store: typeof memory = {
      ...memory,
      createRecord: (key, ...rest) => (isFull ? full(key) : memory.createRecord(key, ...rest)),
      replaceRecord: (key, ...rest) => (isFull ? full(key) : memory.replaceRecord(key, ...rest)),
    };
    const { world, pins, clock, warnings } = setUp({ store });
    await pins.pin('latest');
    world.answer = { kind: 'pinned', revision: second };
    clock.nowMs += 400_000;
    isFull = true;
    const stale = 'the registry cannot record what the package source says now';
    assert.deepEqual(await pins.pin('latest'), { kind: 'pinned', revision: first, stale });
    assert.deepEqual(warnings, ['a pin that is out of date is used']);
    await assert.rejects(pins.pin('new'), StorageError);
    isFull = false;
    clock.nowMs += 11_000;
    assert.deepEqual(await pins.pin('latest'), { kind: 'pinned', revision: second });
  });

  it('that was never there fails with the source', async () => {
    const { world, pins } = setUp();
    world.answer = new SourceError('it is down');
    await assert.rejects(pins.pin('latest'), /it is down/);
    world.answer = { kind: 'pinned', revision: first };
    assert.equal((await pins.pin('latest')).kind, 'pinned');
  });

  it('of an unknown reference is looked for again after ten seconds', async () => {
    const { world, pins, clock } = setUp();
    world.answer = { kind: 'unknown', message: 'no such branch' };
    await pins.pin('new');
    assert.deepEqual(await pins.pin('new'), { kind: 'unknown', message: 'no such branch' });
    assert.equal(world.asked, 1);
    world.answer = { kind: 'pinned', revision: first };
    clock.nowMs += 11_000;
    assert.equal((await pins.pin('new')).kind, 'pinned');
  });

  it('of a full commit is never looked up again', async () => {
    const { world, pins, clock } = setUp();
    await pins.pin(first);
    clock.nowMs += 1e9;
    await pins.pin(first);
    assert.equal(world.asked, 1);
  });

  it('of a folder is looked at each time', async () => {
    const { world, pins } = setUp({ isLocal: true });
    await pins.pin('latest');
    await pins.pin('latest');
    assert.equal(world.asked, 2);
  });

  it('of a full commit is believed for ever by all instances, under the rule that it was found by', async () => {
    const one = setUp({ commits: 'any' });
    await one.pins.pin(first);
    one.clock.nowMs += 1e9;
    const { store, clock } = one;
    const same = setUp({ store, clock, commits: 'any' });
    assert.deepEqual(await same.pins.pin(first), { kind: 'pinned', revision: first });
    assert.equal(same.world.asked, 0);
    const stricter = setUp({ store, clock, commits: 'reachable' });
    stricter.world.answer = { kind: 'unknown', message: 'nothing leads to it' };
    assert.equal((await stricter.pins.pin(first)).kind, 'unknown');
    assert.equal(stricter.world.asked, 1);
  });

  it('lets the commit that a name led to be asked for by itself', async () => {
    const one = setUp({ commits: 'reachable' });
    await one.pins.pin('latest');
    const other = setUp({ store: one.store, clock: one.clock, commits: 'reachable' });
    other.world.answer = { kind: 'unknown', message: 'the branch was moved' };
    assert.deepEqual(await other.pins.pin(first), { kind: 'pinned', revision: first });
    assert.equal(other.world.asked, 0);
  });
});

/** A budget of so many, for one caller. */
function lookUpBudget(size: number) {
  const left = { count: size };
  const lookUps = {
    take: () => {
      if (left.count === 0) return { kind: 'spent', retryAfterSeconds: 7 } as const;
      left.count--;
      return { kind: 'left' } as const;
    },
    giveBack: () => {
      left.count++;
    },
  };
  return { left, lookUps };
}

describe('the budget of look-ups', () => {
  it('is spent by references that are not there, and by no others', async () => {
    const { world, pins } = setUp();
    const { left, lookUps } = lookUpBudget(2);
    for (const reference of ['a', 'b', 'c']) await pins.pin(reference, { lookUps });
    world.answer = new SourceError('it is down');
    await assert.rejects(pins.pin('d', { lookUps }));
    assert.equal(left.count, 2);
    world.answer = { kind: 'unknown', message: 'no such branch' };
    await pins.pin('x', { lookUps });
    await pins.pin('y', { lookUps });
    const asked = world.asked;
    const refused = await pins.pin('z', { lookUps });
    assert.ok(refused.kind === 'busy');
    assert.equal(refused.retryAfterSeconds, 7);
    assert.match(refused.message, /as many references that are not there as you may/);
    // What is remembered costs nothing.
    assert.equal((await pins.pin('x', { lookUps })).kind, 'unknown');
    assert.equal((await pins.pin('a', { lookUps })).kind, 'pinned');
    assert.equal(world.asked, asked);
  });

  it('that is spent keeps nobody from what was pulled before, nor others from what they ask for', async () => {
    const { world, pins, clock } = setUp();
    await pins.pin('latest');
    clock.nowMs += 400_000;
    const { lookUps } = lookUpBudget(0);
    world.answer = { kind: 'pinned', revision: second };
    assert.deepEqual(await pins.pin('latest', { lookUps }), { kind: 'pinned', revision: second });
    const both = await Promise.all([pins.pin('new', { lookUps }), pins.pin('new')]);
    assert.deepEqual(
      both.map(({ kind }) => kind),
      ['busy', 'pinned'],
    );
  });

  it('has a bound for all together', async () => {
    const { world, pins } = setUp();
    const all = await Promise.all(Array.from({ length: 500 }, (_, index) => pins.pin(`tag-${index}`)));
    assert.equal(all.filter(({ kind }) => kind === 'pinned').length, world.asked);
    assert.equal(world.asked, 200);
    assert.equal(all.filter(({ kind }) => kind === 'busy').length, 300);
  });
});
