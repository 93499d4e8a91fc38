import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { closurePath, storePath } from '../../layer/fixture.ts';
import { seededRandom } from '../random.ts';
import { dockerToolsPlan } from './algorithms/docker-tools.ts';
import { nixeryPlan } from './algorithms/nixery.ts';
import { sizeFirstPlan } from './algorithms/size-first.ts';
import { secondsOf } from './client-model.ts';
import { history } from './history.ts';
import { fit } from './measure.ts';
import { type GraphPackage, type PackageGraph, updatesOf } from './package-graph.ts';
import { anyBlobClient, prefixClient } from './simulated-client.ts';

const layer = (id: string) => ({ id, bytes: 1, unpackedBytes: 2, entries: 3, paths: 1 });
const image = (...ids: string[]) => ({ layers: ids.map(layer), least: [] });
const idsOf = (layers: readonly { id: string }[]) => layers.map(({ id }) => id).join('');

function somePackage(name: string, depends: readonly number[], essential = false): GraphPackage {
  return { name, version: '1', sources: [name], installedBytes: 1000, debBytes: 500, depends, essential };
}

describe('what is simulated', () => {
  it('reuses any layer, or only those on top of the same layers', () => {
    const [any, prefix] = [anyBlobClient(), prefixClient()];
    assert.deepEqual(
      [any, prefix].map((client) => idsOf(client.pull(image('a', 'b', 'c')))),
      ['abc', 'abc'],
    );
    assert.deepEqual(
      [any, prefix].map((client) => idsOf(client.pull(image('a', 'x', 'c')))),
      ['x', 'xc'],
    );
  });

  it('rebuilds what is above an update and nothing else, and everything where everything is built with it', () => {
    const make = (updates: [string, number][]): PackageGraph => ({
      packages: [
        somePackage('libc', [], true),
        somePackage('ssl', [0]),
        somePackage('curl', [1]),
        somePackage('jq', [0]),
      ],
      byName: new Map(),
      updates: new Map(updates),
      digest: '',
    });
    const always = 1e6;
    const changed = (updates: [string, number][]) => {
      const [before = [], after = []] = history(make(updates), 2, seededRandom(1));
      return before.map((path, index) => path.path !== after[index]?.path);
    };
    assert.deepEqual(changed([['ssl', always]]), [false, true, true, false]);
    assert.deepEqual(changed([['libc', always]]), [true, true, true, true]);
    assert.deepEqual(changed([]), [false, false, false, false]);
  });

  it('counts updates by versions', () => {
    assert.deepEqual(['1.2-3', '1.2-3+deb12u14', '1:2.0~deb12u1', '3.4-1+deb12u2+b1'].map(updatesOf), [0, 14, 1, 2]);
  });

  it('takes as long as downloading and unpacking, of which each layer overlaps the next', () => {
    const model = { base: 1, perLayer: 0.5, perEntry: 0.25, perUnpackedByte: 0.01 };
    const layers = [
      { bytes: 100, unpackedBytes: 200, entries: 4 },
      { bytes: 100, unpackedBytes: 0, entries: 0 },
    ];
    assert.equal(secondsOf(model, layers, 100), 1 + 1 + 0.5 + 1 + 2 + 0.5);
    assert.equal(secondsOf(model, [...layers].reverse(), 10), 1 + 20 + 0.5 + 1 + 2);
  });

  it('finds the parameters of a client from its pulls', () => {
    const model = { base: 0.4, perLayer: 0.06, perEntry: 1e-4, perUnpackedByte: 5e-9 };
    const pulls = [
      [1, 100, 1e6],
      [4, 9000, 3e8],
      [40, 9000, 3e8],
      [20, 2000, 5e8],
      [10, 8000, 1e8],
    ].map(([count = 0, entries = 0, bytes = 0]) => ({
      client: 'docker' as const,
      image: 'x',
      maxLayers: 100,
      layers: Array.from({ length: count }, () => ({
        bytes: 0,
        unpackedBytes: bytes / count,
        entries: entries / count,
      })),
      seconds: model.base + count * model.perLayer + entries * model.perEntry + bytes * model.perUnpackedByte,
    }));
    const found = fit(pulls);
    for (const name of ['base', 'perLayer', 'perEntry', 'perUnpackedByte'] as const) {
      assert.ok(Math.abs(found[name] / model[name] - 1) < 1e-6, name);
    }
  });
});

describe('the plans that are compared', () => {
  const closure = [
    closurePath('libc', 30_000_000),
    closurePath('zlib', 100, ['libc']),
    closurePath('a', 200, ['libc', 'only-a', 'zlib']),
    closurePath('only-a', 300, ['libc']),
    closurePath('b', 400, ['libc', 'zlib']),
  ];

  it('have every path once', () => {
    for (const budget of [2, 3, 99]) {
      const plans = [
        sizeFirstPlan(closure, budget, 250),
        nixeryPlan(closure, budget, new Map()),
        dockerToolsPlan(closure, budget),
      ];
      for (const groups of plans) {
        assert.ok(groups.length <= budget);
        assert.deepEqual(groups.flat().sort(), closure.map(({ path }) => path).sort());
      }
    }
  });

  it('group by size, by dominators, by popularity', () => {
    assert.deepEqual(sizeFirstPlan(closure, 99, 350), [
      [storePath('libc')],
      [storePath('b')],
      [storePath('only-a'), storePath('zlib'), storePath('a')],
    ]);
    const byDominators = nixeryPlan(closure, 99, new Map());
    assert.ok(byDominators.some((group) => group.length === 2 && group.includes(storePath('only-a'))));
    assert.ok(byDominators.some((group) => group.length === 1 && group[0] === storePath('zlib')));
    assert.deepEqual(dockerToolsPlan(closure, 3).slice(0, 2), [[storePath('libc')], [storePath('zlib')]]);
  });
});
