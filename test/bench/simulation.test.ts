import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { percentile, type Setting, simulate } from './simulation.ts';

const setting: Setting = {
  seed: 7,
  seconds: 3600,
  pullsPerMinute: 60,
  answerSeconds: 0.003,
  composed: { share: 0.02, seconds: 1 },
  built: { share: 0.002, seconds: 30 },
  startSeconds: 3,
  processors: 4,
  maxQueue: Infinity,
  concurrency: 80,
  minInstances: 0,
  maxInstances: 3,
};

/** One instance that is always there and takes everything: what is left is a queue before its processors. */
const oneQueue = (processors: number, load: number, made: Partial<Setting>): Setting => ({
  ...setting,
  ...{ seconds: 600_000 / (processors * load), pullsPerMinute: 60 * processors * load, answerSeconds: 0, processors },
  ...{ concurrency: Infinity, minInstances: 1, maxInstances: 1 },
  ...made,
});

const always = (seconds: number) => ({ built: { share: 1, seconds }, composed: { share: 0, seconds: 0 } });
const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
const isNear = (value: number, expected: number, tolerance: number) => {
  assert.ok(Math.abs(value / expected - 1) < tolerance, `${value} is not near ${expected}`);
};

/** The probability to wait with `servers` servers (A. K. Erlang, 1917), `offered` being arrivals per service time. */
function erlangC(servers: number, offered: number): number {
  let blocked = 1;
  for (let n = 1; n <= servers; n++) blocked = (offered * blocked) / (n + offered * blocked);
  return blocked / (1 - (offered / servers) * (1 - blocked));
}

describe('the simulation', () => {
  for (const [processors, load] of [
    [1, 0.7],
    [2, 0.8],
    [8, 0.9],
  ] as const) {
    it(`waits as Erlang says with ${processors} processors at a load of ${load}`, () => {
      const { waits } = simulate(oneQueue(processors, load, always(1)));
      const mustWait = erlangC(processors, processors * load);
      isNear(waits.filter((wait) => wait > 1e-9).length / waits.length, mustWait, 0.03);
      isNear(mean(waits), mustWait / (processors * (1 - load)), 0.06);
      // Those who wait do so for times that are exponential.
      const share = 0.99;
      isNear(percentile(waits, share), Math.log(mustWait / (1 - share)) / (processors * (1 - load)), 0.06);
    });
  }

  it('waits half as long before a main thread that always takes the same time, as Pollaczek says', () => {
    const known = { built: { share: 0, seconds: 0 }, composed: { share: 0, seconds: 0 }, answerSeconds: 1 };
    const { waits } = simulate(oneQueue(1, 0.7, known));
    isNear(mean(waits), 0.7 / (2 * (1 - 0.7)), 0.03);
  });

  it('is the same for the same seed, and another for another', () => {
    assert.deepEqual(simulate(setting), simulate(setting));
    assert.notDeepEqual(simulate(setting).waits, simulate({ ...setting, seed: 8 }).waits);
  });

  it('lets the first pull wait for the first instance to start', () => {
    const rare = { ...setting, pullsPerMinute: 1 / 60, seconds: 1_000_000, startSeconds: 5 };
    const { waits, meanInstances } = simulate(rare);
    // Pulls an hour apart find an instance that ended after a quarter of an hour: e^(-1/4) of them.
    isNear(waits.filter((wait) => wait > 4.9).length / waits.length, Math.exp(-1 / 4), 0.1);
    assert.equal(percentile(waits, 1) < 5.1, true);
    isNear(meanInstances, 1 - Math.exp(-1 / 4), 0.15);
  });

  it('has none wait for a start where an instance is always there', () => {
    const { waits, mostInstances } = simulate({ ...setting, minInstances: 1, pullsPerMinute: 1 });
    assert.equal(percentile(waits, 1), 0);
    assert.equal(mostInstances, 1);
  });

  it('starts instances for processors that are busy, and none above the most', () => {
    const busy = {
      ...setting,
      pullsPerMinute: 600,
      composed: { share: 1, seconds: 1 },
      built: { share: 0, seconds: 0 },
    };
    // Ten processors at work, of which six tenths of four an instance are meant to be: five instances at least.
    const { mostInstances, meanInstances } = simulate({ ...busy, maxInstances: 50 });
    assert.ok(mostInstances >= 5 && mostInstances <= 10, String(mostInstances));
    assert.ok(meanInstances > 4, String(meanInstances));
    assert.equal(simulate({ ...busy, maxInstances: 2 }).mostInstances, 2);
  });

  it('refuses as Erlang says where nobody may wait', () => {
    const [processors, load] = [4, 0.8];
    const { refused, waits } = simulate(oneQueue(processors, load, { ...always(1), maxQueue: 0 }));
    // Erlang B.
    let blocked = 1;
    for (let n = 1; n <= processors; n++) blocked = (processors * load * blocked) / (n + processors * load * blocked);
    isNear(refused / (refused + waits.length), blocked, 0.02);
  });

  it('lets known images through where more new ones come than can be made', () => {
    const { waits, waitsOfMade, refused } = simulate({
      ...{ ...setting, maxInstances: 1, minInstances: 1, maxQueue: 64 },
      ...{ pullsPerMinute: 3000, built: { share: 0.01, seconds: 30 } },
    });
    assert.ok(refused > 100 && percentile(waitsOfMade, 0.5) > 60);
    assert.equal(percentile(waits, 0.9) < 0.1, true);
  });

  it('has every pull answered, also when there is too much to do', () => {
    const flood = { ...setting, seconds: 60, pullsPerMinute: 60_000, concurrency: 2, maxInstances: 1 };
    const { waits } = simulate(flood);
    isNear(waits.length, 60_000, 0.02);
    assert.ok(percentile(waits, 0.99) > 60);
  });
});
