import { packFloor } from './byte-floor.ts';
import { type Benchmark, type Figure, seconds, type Setting } from './figure.ts';
import { BIG, manifestOf, recordIn, startOver } from './registry.ts';

/** A new process over a new folder makes an image whose store paths are on this machine. */
async function firstManifest(name: string, setting: Setting): Promise<Figure> {
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
  return { name: `first manifest of ${name}`, unit: 's', values, floor: { what, values: floor }, peakMemoryBytes };
}

export const firstManifests: readonly Benchmark[] = [
  ['hello', 'hello'],
  ['git', 'shell/git'],
  ['big', BIG],
].map(([name = '', image = '']) => ({
  name: `first-${name}`,
  measure: async (setting) => [await firstManifest(image, setting)],
}));
