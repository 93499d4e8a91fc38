import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { folderStore } from '../../functions/storage/folder.ts';
import { purge } from '../../functions/upkeep/purge.ts';
import { parseSelection } from '../../functions/upkeep/selection.ts';
import { run } from '../support/command.ts';
import { joinFloor } from './byte-floor.ts';
import { startConstant } from './constant-process.ts';
import { type Benchmark, seconds, type Setting } from './figure.ts';
import { manifestOf, startOver } from './registry.ts';

const COMBINATION = 'shell/git/jq';

/** A folder with the programs that a registry needs beside Nix, and those that give it another `/nix`. */
async function programsWithoutNix(setting: Setting): Promise<string> {
  const folder = await setting.folder();
  for (const program of ['igzip', 'sh', 'rm', 'mkfifo', 'unshare', 'mount']) {
    await symlink((await run('which', [program])).trim(), join(folder, program));
  }
  return folder;
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
      values.push(await seconds(() => manifestOf(registry, COMBINATION)));
      peakMemoryBytes = Math.max(peakMemoryBytes, await registry.peakMemoryBytes());
      const made = registry.log.find(({ message }) => message === 'image made');
      if (made?.['evaluated'] !== 0 || made['pathsPacked'] !== 0) throw new Error('it was not composed');
      await registry.stop();
      const removed: string[] = [];
      await purge(store, selection, { dryRun: true, removed: ({ key }) => removed.push(key) });
      const layers = removed.filter((key) => key.startsWith('layers/'));
      const sizes = await Promise.all(layers.map((key) => store.stat(key as Parameters<typeof store.stat>[0])));
      const largest = layers.reduce((a, b) => (sizeAt(layers, sizes, a) >= sizeAt(layers, sizes, b) ? a : b));
      floor.push(await joinFloor(join(folder, largest), await setting.folder()));
      await purge(store, selection);
    }
    const what = 'inflating, two digests and writing of its joined layer, one after the other';
    const name = `first manifest of ${COMBINATION}, composed without Nix`;
    return [{ name, unit: 's', values, floor: { what, values: floor }, peakMemoryBytes }];
  },
};

function sizeAt(keys: readonly string[], stats: readonly ({ sizeBytes: number } | undefined)[], key: string): number {
  return stats[keys.indexOf(key)]?.sizeBytes ?? 0;
}

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
      const start = await seconds(async () => {
        await using registry = await startOver(folder);
        answers.push(await seconds(() => manifestOf(registry, 'shell/git')));
        starts.push(0);
        peakMemoryBytes = Math.max(peakMemoryBytes, await registry.peakMemoryBytes());
        await registry.kill();
      });
      starts[round] = start;
      floor.push(
        await seconds(async () => {
          await using constant = await startConstant(2);
          await manifestOf(constant, 'shell/git');
        }),
      );
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
