import { run } from '../support/command.ts';
import { type Benchmark, type Figure, seconds, type Setting } from './figure.ts';
import { BIG, manifestOf, startOver } from './registry.ts';
import { startStaticRegistry } from './static-registry.ts';

async function pull(host: string, name: string, setting: Setting): Promise<number> {
  const folder = await setting.folder();
  return seconds(() =>
    run('skopeo', ['copy', '--src-tls-verify=false', `docker://${host}/${name}`, `oci:${folder}:x`]),
  );
}

/** skopeo pulls an image that is known, from the registry and from a static one that holds the same image. */
async function wholePull(name: string, setting: Setting): Promise<Figure> {
  await using registry = await startOver(await setting.folder());
  await using other = await startStaticRegistry(await setting.folder());
  await manifestOf(registry, name);
  const tls = ['--src-tls-verify=false', '--dest-tls-verify=false'];
  await run('skopeo', ['copy', ...tls, `docker://${registry.host}/${name}`, `docker://${other.host}/${name}`]);
  const [values, floor]: [number[], number[]] = [[], []];
  for (let round = 0; round < setting.runs; round++) {
    values.push(await pull(registry.host, name, setting));
    floor.push(await pull(other.host, name, setting));
  }
  const what = 'the same from docker-registry';
  const peakMemoryBytes = await registry.peakMemoryBytes();
  return { name: `skopeo pulls ${name}`, unit: 's', values, floor: { what, values: floor }, peakMemoryBytes };
}

export const wholePulls: readonly Benchmark[] = [
  ['git', 'shell/git'],
  ['big', BIG],
].map(([name = '', image = '']) => ({
  name: `pull-${name}`,
  measure: async (setting) => [await wholePull(image, setting)],
}));
