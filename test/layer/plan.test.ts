import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OWN_LAYER_MIN_BYTES, PATH_LAYER_BUDGET, planLayers } from '../../functions/layer/plan.ts';
import { closurePath, storePath } from './fixture.ts';

/** Closures as Nix has them: paths refer to those that were made before. */
const closures = fc
  .array(
    fc.record({
      size: fc.oneof(fc.nat({ max: 2 * OWN_LAYER_MIN_BYTES }), fc.constant(OWN_LAYER_MIN_BYTES)),
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

describe('planLayers', () => {
  it('puts every path into exactly one layer and stays within the budget', () => {
    fc.assert(
      fc.property(closures, fc.integer({ min: 1, max: PATH_LAYER_BUDGET }), (closure, budget) => {
        const groups = planLayers(closure, { budget });
        assert.ok(groups.length <= budget);
        assert.ok(groups.every((group) => group.length > 0));
        assert.deepEqual(groups.flat().sort(), closure.map(({ path }) => path).sort());
      }),
    );
  });

  it('does not depend on the order of the closure', () => {
    fc.assert(
      fc.property(
        closures.chain((closure) =>
          fc.tuple(fc.constant(closure), fc.shuffledSubarray(closure, { minLength: closure.length })),
        ),
        ([closure, shuffled]) => {
          assert.deepEqual(planLayers(shuffled), planLayers(closure));
        },
      ),
    );
  });

  it('puts what is referred to below what refers to it, among layers of one path', () => {
    fc.assert(
      fc.property(closures, (closure) => {
        const single = planLayers(closure)
          .filter((group) => group.length === 1)
          .flat();
        const references = new Map(closure.map((path) => [path.path, path.references]));
        const joined = new Set(planLayers(closure).at(-1));
        single.forEach((path, index) => {
          for (const reference of references.get(path) ?? []) {
            if (joined.has(reference) || joined.has(path)) continue;
            assert.ok(single.indexOf(reference) < index);
          }
        });
      }),
    );
  });

  it('gives large paths a layer each and joins the small ones on top', () => {
    const closure = [
      closurePath('app', 5_000_000, ['libc', 'zlib']),
      closurePath('zlib', 100_000, ['libc']),
      closurePath('libc', 30_000_000),
      closurePath('tiny', 200),
    ];
    assert.deepEqual(planLayers(closure), [
      [storePath('libc')],
      [storePath('app')],
      [storePath('tiny'), storePath('zlib')],
    ]);
  });

  it('joins the smallest of the large paths when there are too many', () => {
    const closure = Array.from({ length: 120 }, (_, index) => closurePath(`big-${index}`, 10_000_000 + index));
    const groups = planLayers(closure);
    assert.equal(groups.length, PATH_LAYER_BUDGET);
    assert.equal(groups.at(-1)?.length, 22);
    assert.ok(groups.at(-1)?.includes(storePath('big-0')));
  });

  it('uses the whole budget for large paths when nothing is left to join', () => {
    const closure = Array.from({ length: 99 }, (_, index) => closurePath(`big-${index}`, 10_000_000));
    assert.ok(planLayers(closure).every((group) => group.length === 1));
  });

  it('ends on references that go round', () => {
    const closure = [closurePath('a', 9_000_000, ['b', 'a']), closurePath('b', 9_000_000, ['a'])];
    assert.deepEqual(planLayers(closure), planLayers([...closure].reverse()));
    assert.equal(planLayers(closure).flat().length, 2);
  });

  it('has nothing for nothing', () => {
    assert.deepEqual(planLayers([]), []);
  });
});
