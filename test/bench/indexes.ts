import { setTimeout as sleep } from 'node:timers/promises';
import { type Benchmark, type Figure, seconds, type Setting } from './figure.ts';
import { requestRate } from './rate.ts';
import { manifestOf, startOver } from './registry.ts';

/** What an index of two platforms costs beside one of its manifests. */

const BOTH = { NIXERY_PLATFORMS: 'linux/amd64,linux/arm64' };
const NAME = 'shell/git';
/** What a server does by itself after its start has ended by then. */
const UP_MS = 3_000;

/** Both in turn, each by a new process over a new folder, of store paths that are on this machine. */
async function firstIndex(setting: Setting, isUp: boolean): Promise<Figure> {
  const [values, floor]: [number[], number[]] = [[], []];
  let peakMemoryBytes = 0;
  for (let round = 0; round <= setting.runs; round++) {
    for (const [name, into] of [
      [`amd64/${NAME}`, floor],
      [NAME, values],
    ] as const) {
      await using registry = await startOver(await setting.folder(), BOTH);
      if (isUp) await sleep(UP_MS);
      const took = await seconds(() => manifestOf(registry, name));
      // The first round builds what is not there.
      if (round > 0) into.push(took);
      peakMemoryBytes = Math.max(peakMemoryBytes, await registry.peakMemoryBytes());
    }
  }
  return {
    ...{
      name: `first index of ${NAME}${isUp ? ', by a server that has been up' : ''}`,
      unit: 's',
      values,
      peakMemoryBytes,
    },
    ...{ floor: { what: 'the manifest for one platform', values: floor }, atMostOfFloor: 1.9 },
  };
}

async function warmIndex(setting: Setting): Promise<Figure> {
  await using registry = await startOver(await setting.folder(), BOTH);
  await manifestOf(registry, NAME);
  await manifestOf(registry, `amd64/${NAME}`);
  const [values, floor]: [number[], number[]] = [[], []];
  for (let round = 0; round <= setting.runs; round++) {
    const [one, all] = [`amd64/${NAME}`, NAME].map((name) => `${registry.origin}/v2/${name}/manifests/latest`);
    const rates = [await requestRate(one ?? ''), await requestRate(all ?? '')] as const;
    // In the first round code is compiled.
    if (round === 0) continue;
    floor.push(rates[0]);
    values.push(rates[1]);
  }
  return {
    ...{ name: 'an index that is known, by tag', unit: 'requests/s', values, atLeastOfFloor: 0.95 },
    floor: { what: 'a manifest that is known, by tag', values: floor },
  };
}

export const indexes: Benchmark = {
  name: 'indexes',
  measure: async (setting) => [
    await warmIndex(setting),
    await firstIndex(setting, false),
    await firstIndex(setting, true),
  ],
};
