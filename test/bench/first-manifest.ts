import { setTimeout as sleep } from 'node:timers/promises';
import { packFloor } from './byte-floor.ts';
import { type Benchmark, type Figure, seconds, type Setting } from './figure.ts';
import { BIG, manifestOf, recordIn, startOver } from './registry.ts';

/** What a server does by itself after its start has ended by then. */
const UP_MS = 3_000;

interface FirstManifest {
  readonly image: string;
  /** Whether the server has been up for a while, and has nothing to do. */
  readonly isUp?: boolean;
  readonly bound?: Partial<Figure>;
}

/** A new process over a new folder makes an image whose store paths are on this machine. */
async function firstManifest({ image, isUp = false, bound }: FirstManifest, setting: Setting): Promise<Figure> {
  const values: number[] = [];
  const floor: number[] = [];
  let peakMemoryBytes = 0;
  for (let round = 0; round <= setting.runs; round++) {
    const folder = await setting.folder();
    await using registry = await startOver(folder);
    if (isUp) await sleep(UP_MS);
    const took = await seconds(() => manifestOf(registry, image));
    // The first round builds what is not there.
    if (round === 0) continue;
    values.push(took);
    peakMemoryBytes = Math.max(peakMemoryBytes, await registry.peakMemoryBytes());
    await registry.stop();
    const { contents } = await recordIn(folder);
    const paths = contents.map(({ path }) => path);
    floor.push(await packFloor(paths, await setting.folder()));
  }
  const what = 'reading, igzip, two digests and writing of these bytes, each alone, over the cores';
  const floors = { what, values: floor };
  const name = `first manifest of ${image}${isUp ? ', by a server that has been up' : ''}`;
  return { name, unit: 's', values, floor: floors, peakMemoryBytes, ...bound };
}

/** What Nixery needs for the first manifest of `shell/git` on a machine like this one, in seconds. */
const NIXERYS_GIT = 6.5;

const FIRST_MANIFESTS: Readonly<Record<string, FirstManifest>> = {
  hello: { image: 'hello' },
  git: { image: 'shell/git', bound: { atMost: NIXERYS_GIT / 5 } },
  'git-up': { image: 'shell/git', isUp: true, bound: { atMost: NIXERYS_GIT / 10 } },
  big: { image: BIG, bound: { atMostOfFloor: 2 } },
};

export const firstManifests: readonly Benchmark[] = Object.entries(FIRST_MANIFESTS).map(([name, first]) => ({
  name: `first-${name}`,
  measure: async (setting) => [await firstManifest(first, setting)],
}));
