import { packFloor } from './byte-floor.ts';
import { type Benchmark, type Figure, seconds, type Setting } from './figure.ts';
import { BIG, manifestOf, recordIn, startOver } from './registry.ts';

/** A new process over a new folder makes an image whose store paths are on this machine. */
async function firstManifest(name: string, bound: Partial<Figure>, setting: Setting): Promise<Figure> {
  const values: number[] = [];
  const floor: number[] = [];
  let peakMemoryBytes = 0;
  for (let round = 0; round <= setting.runs; round++) {
    const folder = await setting.folder();
    await using registry = await startOver(folder);
    const took = await seconds(() => manifestOf(registry, name));
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
  return { name: `first manifest of ${name}`, unit: 's', values, floor: floors, peakMemoryBytes, ...bound };
}

/** What Nixery needs for the first manifest of `shell/git` on a machine like this one: 6.5 s. A fifth of it. */
const GIT_SECONDS = 1.3;

const IMAGES: readonly (readonly [name: string, image: string, bound: Partial<Figure>])[] = [
  ['hello', 'hello', {}],
  ['git', 'shell/git', { atMost: GIT_SECONDS }],
  ['big', BIG, { atMostOfFloor: 2 }],
];

export const firstManifests: readonly Benchmark[] = IMAGES.map(([name, image, bound]) => ({
  name: `first-${name}`,
  measure: async (setting) => [await firstManifest(image, bound, setting)],
}));
