import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../functions/oci/digest.ts';
import { folderStore } from '../../functions/storage/folder/store.ts';
import { blobKey } from '../../functions/storage/known-blobs.ts';
import { purge, type RemovedObject } from '../../functions/upkeep/purge.ts';
import { parseSelection } from '../../functions/upkeep/selection.ts';
import { run } from '../support/command.ts';
import { joinFloor } from './byte-floor.ts';
import { startConstant } from './constant-process.ts';
import { type Benchmark, seconds, type Setting } from './figure.ts';
import { manifestOf, startOver } from './registry.ts';

const COMBINATION = 'shell/git/jq';
const COMPOSED_SECONDS = 0.15;

/** A folder with the programs that a registry needs beside Nix, and those that give it another `/nix`. */
async function programsWithoutNix(setting: Setting): Promise<string> {
  const folder = await setting.folder();
  for (const program of ['sh', 'unshare', 'mount']) {
    await symlink((await run('which', [program])).trim(), join(folder, program));
  }
  return folder;
}

/** Where an image's layers lie in a store. */
function layersOf(manifest: Buffer): readonly string[] {
  const { layers } = JSON.parse(manifest.toString()) as { layers: { digest: Digest }[] };
  return layers.map(({ digest }) => blobKey(digest));
}

/** A fresh instance without Nix makes a new combination of packages that the folder knows. */
export const composed: Benchmark = {
  name: 'compose',
  async measure(setting) {
    const folder = await setting.folder();
    const env = { PATH: await programsWithoutNix(setting) };
    {
      await using builder = await startOver(folder);
      for (const name of ['shell/git', 'shell/jq']) await manifestOf(builder, name);
    }
    const store = folderStore(folder);
    const selection = parseSelection(COMBINATION);
    if (selection.kind === 'invalid') throw new Error(selection.message);
    const [values, floor]: [number[], number[]] = [[], []];
    let peakMemoryBytes = 0;
    for (let round = 0; round < setting.runs; round++) {
      await using registry = await startOver(folder, env, { nixFolder: await setting.folder() });
      let manifest: Buffer = Buffer.of();
      values.push(await seconds(async () => (manifest = await manifestOf(registry, COMBINATION))));
      peakMemoryBytes = Math.max(peakMemoryBytes, await registry.peakMemoryBytes());
      const made = registry.log.find(({ message }) => message === 'image made');
      if (made?.['evaluated'] !== 0 || made['pathsPacked'] !== 0) throw new Error('it was not composed');
      await registry.stop();
      const own = new Set<string>();
      await purge(store, selection, { dryRun: true, removed: ({ key }: RemovedObject) => own.add(key) });
      let least = 0;
      for (const layer of layersOf(manifest).filter((key) => own.has(key))) {
        least += await joinFloor(join(folder, layer), await setting.folder());
      }
      floor.push(least);
      await purge(store, selection);
    }
    const what = 'inflating, two digests and writing of the layers that it makes, one after the other';
    const name = `first manifest of ${COMBINATION}, composed without Nix`;
    return [{ name, unit: 's', values, floor: { what, values: floor }, peakMemoryBytes, atMost: COMPOSED_SECONDS }];
  },
};

/** A new instance over a folder that has the image. */
export const coldInstance: Benchmark = {
  name: 'cold',
  async measure(setting) {
    const folder = await setting.folder();
    {
      await using builder = await startOver(folder);
      await manifestOf(builder, 'shell/git');
    }
    const [answers, starts, floor]: [number[], number[], number[]] = [[], [], []];
    let peakMemoryBytes = 0;
    for (let round = 0; round < setting.runs; round++) {
      const startMs = performance.now();
      await using registry = await startOver(folder);
      answers.push(await seconds(() => manifestOf(registry, 'shell/git')));
      starts.push((performance.now() - startMs) / 1000);
      peakMemoryBytes = Math.max(peakMemoryBytes, await registry.peakMemoryBytes());
      await registry.kill();
      const constantMs = performance.now();
      await using constant = await startConstant(2);
      await manifestOf(constant, 'shell/git');
      floor.push((performance.now() - constantMs) / 1000);
    }
    return [
      { name: 'cold instance: known manifest', unit: 's', values: answers, peakMemoryBytes },
      {
        name: 'cold instance: from its start to that manifest',
        unit: 's',
        values: starts,
        floor: { what: 'the same of a function that answers a constant', values: floor },
        peakMemoryBytes,
      },
    ];
  },
};
