import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { soak } from './soak.ts';
import type { Usage } from './usage.ts';
import { verdicts } from './verdict.ts';

describe('the verdict of a soak', () => {
  const samples = (of: (index: number) => Partial<Usage>): Usage[] =>
    Array.from({ length: 40 }, (_, index) => ({
      ...{ seconds: index, memoryBytes: 150e6, descriptors: 40, processes: 3 },
      ...of(index),
    }));
  const growing = (of: (index: number) => Partial<Usage>) =>
    verdicts(samples(of)).flatMap(({ grows, words }) => (grows ? [words] : []));

  it('is that nothing grows where it warms up, goes up and down, or stays', () => {
    assert.deepEqual(
      growing((index) => ({
        memoryBytes: index < 8 ? 80e6 : 160e6 + (index % 5) * 8e6,
        descriptors: 40 + (index % 7),
      })),
      [],
    );
  });

  it('names what grows, with how much', () => {
    assert.deepEqual(
      growing((index) => ({ memoryBytes: 100e6 + index * 3e6, descriptors: 40 + index * 2 })),
      ['memory: GROWS (144 MB, then 204 MB)', 'descriptors: GROWS (69, then 109)'],
    );
    assert.deepEqual(
      growing((index) => ({ processes: index })),
      ['processes: GROWS (15, then 35)'],
    );
  });

  it('needs some samples', () => {
    assert.throws(() => verdicts(samples(() => ({})).slice(0, 7)), RangeError);
  });
});

describe('a soak', () => {
  it('does all that it is to do, meets nothing that may not be, and ends by itself', async () => {
    const { samples, counts, findings, exitCode } = await soak({ seconds: 600, seed: 1, requests: 40 });
    assert.deepEqual(findings, []);
    assert.ok(
      Object.values(counts).every((count) => count >= 4),
      JSON.stringify(counts),
    );
    assert.ok(samples.every(({ memoryBytes, descriptors }) => memoryBytes > 30e6 && descriptors > 10));
    assert.equal(exitCode, 0);
  });
});
