import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { layerPlanner, MAX_LAYERS, MIN_LAYERS } from '../../../functions/layer/plan/plan.ts';
import type { ClosurePath, StorePath } from '../../../functions/nix/store-path.ts';
import { closurePath, storePath } from '../fixture.ts';

/** Closures as Nix has them: paths refer to those that were made before. */
const closures = fc
  .array(
    fc.record({
      size: fc.oneof(fc.nat({ max: 500_000 }), fc.nat({ max: 5_000_000 }), fc.constant(0)),
      to: fc.array(fc.nat({ max: 300 }), { maxLength: 4 }),
    }),
    { maxLength: 250 },
  )
  .map((paths) =>
    paths.map(({ size, to }, index) =>
      closurePath(
        `path-${index}`,
        size,
        [...new Set(to.filter((target) => target < index))].map((target) => `path-${target}`),
      ),
    ),
  );

/** Some of the paths are popular. */
const popularities = fc
  .array(fc.nat({ max: 250 }), { maxLength: 100 })
  .map((numbers) => new Map(numbers.map((number) => [`path-${number}`, 100 + number])));

const { plan } = layerPlanner();

/** All that each path needs, and itself. */
function closuresOf(closure: readonly ClosurePath[]): ReadonlyMap<StorePath, ReadonlySet<StorePath>> {
  const needs = new Map<StorePath, ReadonlySet<StorePath>>();
  // A path comes after what it refers to.
  for (const { path, references } of closure) {
    needs.set(path, new Set([path, ...references.flatMap((reference) => [...(needs.get(reference) ?? [])])]));
  }
  return needs;
}

describe('a plan of layers', () => {
  it('has every path exactly once and stays within its budget, the root included', () => {
    fc.assert(
      fc.property(
        closures,
        fc.integer({ min: MIN_LAYERS, max: MAX_LAYERS }),
        fc.option(popularities, { nil: undefined }),
        (closure, maxLayers, popularity) => {
          const groups = layerPlanner({ maxLayers, popularity }).plan(closure);
          assert.ok(groups.length < maxLayers);
          assert.ok(groups.every((group) => group.length > 0));
          assert.deepEqual(groups.flat().sort(), closure.map(({ path }) => path).sort());
        },
      ),
    );
  });

  it('does not depend on the order of the closure, nor on that of the popularity data', () => {
    fc.assert(
      fc.property(
        closures.chain((closure) =>
          fc.tuple(fc.constant(closure), fc.shuffledSubarray(closure, { minLength: closure.length })),
        ),
        popularities,
        ([closure, shuffled], popularity) => {
          const planner = layerPlanner({ popularity });
          const other = layerPlanner({ popularity: new Map([...popularity].reverse()) });
          assert.deepEqual(other.plan(shuffled), planner.plan(closure));
          assert.deepEqual(other.identity, planner.identity);
        },
      ),
    );
  });

  it('puts a path that has a layer of its own below all that need it', () => {
    fc.assert(
      fc.property(closures, (closure) => {
        const groups = plan(closure).slice(0, -1);
        const layerOf = new Map(groups.flatMap((group, layer) => group.map((path) => [path, layer])));
        for (const { path, references } of closure) {
          for (const reference of references) {
            const [above, below] = [layerOf.get(path), layerOf.get(reference)];
            if (above !== undefined && below !== undefined && groups[below]?.length === 1) assert.ok(below < above);
          }
        }
      }),
    );
  });

  it('orders layers by how many paths need the one that they are for, which needs all in them', () => {
    fc.assert(
      fc.property(closures, (closure) => {
        const needs = closuresOf(closure);
        const dependentsOf = (path: StorePath) => [...needs.values()].filter((needed) => needed.has(path)).length;
        let most = Infinity;
        for (const group of plan(closure).slice(0, -1)) {
          // A layer of what a large path needs, which has another of its own, is for that one.
          const whatFor = [...needs].filter(([, needed]) => group.every((path) => needed.has(path)));
          most = Math.max(...whatFor.map(([path]) => dependentsOf(path)).filter((dependents) => dependents <= most));
          assert.ok(most > 0, 'it is for a path that no fewer need than what the layer below is for');
        }
      }),
    );
  });

  it('gives large paths a layer each, what belongs together one, and joins what is left on top', () => {
    const closure = [
      closurePath('libc', 30_000_000),
      closurePath('large', 5_000_000, ['libc', 'zlib']),
      closurePath('zlib', 100_000, ['libc']),
      closurePath('png', 950_000, ['libc', 'zlib']),
      closurePath('viewer', 300_000, ['png']),
      closurePath('tiny', 200),
    ];
    assert.deepEqual(plan(closure), [
      [storePath('libc')],
      [storePath('zlib'), storePath('png')],
      [storePath('large')],
      [storePath('tiny'), storePath('viewer')],
    ]);
  });

  it('gives images that share a package the same layers for what they share', () => {
    const shared = [
      closurePath('libc', 30_000_000),
      closurePath('zlib', 400_000, ['libc']),
      closurePath('ssl', 900_000, ['libc', 'zlib']),
    ];
    const one = plan([...shared, closurePath('git', 4_000_000, ['ssl'])]);
    const other = plan([...shared, closurePath('curl', 300_000, ['ssl']), closurePath('jq', 200_000, ['libc'])]);
    assert.deepEqual(one.slice(0, 2), [[storePath('libc')], [storePath('zlib'), storePath('ssl')]]);
    assert.deepEqual(other.slice(0, 2), one.slice(0, 2));
  });

  it('raises what is worth a layer when there are too many', () => {
    const closure = Array.from({ length: 120 }, (_, index) => closurePath(`big-${index}`, 3_000_000 + index * 100_000));
    const groups = plan(closure);
    assert.ok(groups.length < MAX_LAYERS && groups.length > MAX_LAYERS / 2);
    assert.ok(groups.some((group) => group.length === 1 && group[0] === storePath('big-119')));
    assert.ok(groups.at(-1)?.includes(storePath('big-0')));
  });

  it('groups what is popular apart from what is not', () => {
    const closure = [
      closurePath('zlib', 600_000),
      closurePath('odd', 600_000),
      closurePath('app', 10, ['odd', 'zlib']),
    ];
    assert.deepEqual(plan(closure), [[storePath('odd'), storePath('zlib'), storePath('app')]]);
    const { plan: steered, identity } = layerPlanner({ popularity: new Map([['zlib', 100]]) });
    assert.deepEqual(steered(closure), [[storePath('zlib')], [storePath('odd'), storePath('app')]]);
    assert.notDeepEqual(identity, layerPlanner().identity);
    assert.notDeepEqual(identity, layerPlanner({ popularity: new Map([['zlib', 99]]) }).identity);
  });

  it('ends on references that go round, and on long chains', () => {
    const round = [closurePath('a', 9_000_000, ['b', 'a']), closurePath('b', 9_000_000, ['a'])];
    assert.deepEqual(plan(round), plan([...round].reverse()));
    assert.equal(plan(round).flat().length, 2);
    const chain = Array.from({ length: 5_000 }, (_, index) => closurePath(`link-${index}`, 1, [`link-${index + 1}`]));
    assert.equal(plan(chain).flat().length, 5_000);
  });

  it('has nothing for nothing, and no budget that no image can have', () => {
    assert.deepEqual(plan([]), []);
    for (const maxLayers of [MIN_LAYERS - 1, MAX_LAYERS + 1, NaN]) {
      assert.throws(() => layerPlanner({ maxLayers }), RangeError);
    }
  });
});
