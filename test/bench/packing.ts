import { findCompressor } from '../../functions/layer/compressors/compressors.ts';
import { createLayerMaker } from '../../functions/layer/image-layers.ts';
import { sharedLayerThreads } from '../../functions/layer/threads/threads.ts';
import { rootTree } from '../../functions/layer/root/root.ts';
import { closureOf } from '../../functions/nix/closure/closure.ts';
import type { ClosurePath } from '../../functions/nix/store-path.ts';
import { folderStore } from '../../functions/storage/folder/store.ts';
import { prepareFolder } from '../../functions/storage/folder/prepare.ts';
import { knownBlobs } from '../../functions/storage/known-blobs.ts';
import { run } from '../support/command.ts';
import { nix } from '../support/nix.ts';
import { packFloor } from './byte-floor.ts';
import { type Benchmark, seconds, type Setting } from './figure.ts';
import { BIG, manifestOf, recordIn, startOver } from './registry.ts';

const COMPRESSOR = 'igzip';

/** The closure of an image, whole on this machine. */
async function closureOfImage(name: string, setting: Setting): Promise<readonly ClosurePath[]> {
  const folder = await setting.folder();
  await using registry = await startOver(folder);
  await manifestOf(registry, name);
  const { contents } = await recordIn(folder);
  const closure = await closureOf(
    nix,
    contents.map(({ path }) => path),
  );
  if (closure === undefined) throw new Error(`the closure of ${name} is not on this machine`);
  return closure;
}

/** All layers of a large closure, from store paths into a folder, by threads that have packed before: without Nix, without HTTP. */
export const packing: Benchmark = {
  name: 'packing',
  async measure(setting) {
    const closure = await closureOfImage(BIG, setting);
    const root = () => rootTree({ requested: [], propagated: [] }).root;
    const threads = sharedLayerThreads(COMPRESSOR);
    await threads.warmUp();
    const values: number[] = [];
    const floor: number[] = [];
    for (let round = 0; round < setting.runs; round++) {
      const folder = await setting.folder();
      await prepareFolder(folder);
      await run('sync', []);
      const store = folderStore(folder);
      const compressor = findCompressor(COMPRESSOR);
      const { make } = createLayerMaker({ store, known: knownBlobs(store), compressor, threads });
      values.push(await seconds(() => make({ closure, root })));
      floor.push(
        await packFloor(
          closure.map(({ path }) => path),
          await setting.folder(),
        ),
      );
    }
    const narBytes = closure.reduce((sum, { narSizeBytes }) => sum + narSizeBytes, 0);
    const what = 'reading, igzip, two digests and writing of these bytes, each alone, over the cores';
    return [
      {
        name: `packing of ${closure.length} store paths, ${Math.round(narBytes / 1e6)} MB`,
        unit: 's',
        values,
        floor: { what, values: floor },
        atMostOfFloor: 1.5,
      },
    ];
  },
};
