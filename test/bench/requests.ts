import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { environmentOf, startBucket } from '../support/bucket/server.ts';
import { startConstant } from './constant-process.ts';
import type { Benchmark, Figure, Setting } from './figure.ts';
import { requestRate } from './rate.ts';
import { manifestOf, startOver } from './registry.ts';

const NAME = 'hello';
const FLOOR = 'a function that answers a constant';

/** So much of what the framework answers a constant at. */
const OF_CONSTANT = 0.6;
/** 50 times Nixery's. */
const MANIFESTS_PER_SECOND = 2_500;

/** The rate of a path beside that of a constant of the same length, one after the other. */
async function ratesOf(
  name: string,
  url: string,
  bodyBytes: number,
  { runs }: Setting,
): Promise<Pick<Figure, 'name' | 'unit' | 'values' | 'floor'>> {
  await using constant = await startConstant(bodyBytes);
  const [values, floor]: [number[], number[]] = [[], []];
  // Node compiles while it runs: the first round does not count.
  for (let round = 0; round <= runs; round++) {
    const rates = [await requestRate(constant.origin), await requestRate(url)] as const;
    if (round === 0) continue;
    floor.push(rates[0]);
    values.push(rates[1]);
  }
  return { name, unit: 'requests/s', values, floor: { what: FLOOR, values: floor } };
}

export const base: Benchmark = {
  name: 'base',
  async measure(setting) {
    await using registry = await startOver(await setting.folder());
    const figure = await ratesOf('GET /v2/', `${registry.origin}/v2/`, 2, setting);
    return [{ ...figure, peakMemoryBytes: await registry.peakMemoryBytes() }];
  },
};

export const warmManifest: Benchmark = {
  name: 'manifest',
  async measure(setting) {
    await using registry = await startOver(await setting.folder());
    const { length } = await manifestOf(registry, NAME);
    const url = `${registry.origin}/v2/${NAME}/manifests/latest`;
    const figure = await ratesOf('warm manifest by tag', url, length, setting);
    const peakMemoryBytes = await registry.peakMemoryBytes();
    return [{ ...figure, peakMemoryBytes, atLeast: MANIFESTS_PER_SECOND, atLeastOfFloor: OF_CONSTANT }];
  },
};

export const redirect: Benchmark = {
  name: 'redirect',
  async measure(setting) {
    await using bucket = await startBucket();
    const key = join(await setting.folder(), 'key.pem');
    await writeFile(key, bucket.signer.privateKey);
    await using registry = await startOver(await setting.folder(), {
      ...environmentOf(bucket),
      GCS_SIGNING_KEY: key,
      GCS_SIGNING_ACCOUNT: bucket.signer.account,
    });
    const manifest = JSON.parse((await manifestOf(registry, NAME)).toString()) as { layers: { digest: string }[] };
    const url = `${registry.origin}/v2/${NAME}/blobs/${manifest.layers[0]?.digest ?? ''}`;
    const figure = await ratesOf('blob redirect, signed with a key', url, 0, setting);
    return [{ ...figure, peakMemoryBytes: await registry.peakMemoryBytes(), atLeastOfFloor: OF_CONSTANT }];
  },
};
