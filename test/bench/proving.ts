import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Digest } from '../../functions/oci/digest.ts';
import { blobKey } from '../../functions/storage/known-blobs.ts';
import { run } from '../support/command.ts';
import { processorTimeMs, untilIdle } from '../support/processor-time.ts';
import type { RegistryProcess } from '../support/service/registry-process.ts';
import { hashSeconds } from './byte-floor.ts';
import { type Benchmark, seconds, type Setting } from './figure.ts';
import { startFileServer } from './file-server.ts';
import { BIG, manifestOf, startOver } from './registry.ts';

/** What it costs that a process hashes what it sends of a folder for the first time, beside the same sent again. */

/** Pulled before, so that the code for it is compiled. */
const OTHER = 'git';
/** Of a pull. */
const MOST = 1.03;

/** skopeo fetches, checks, decompresses and writes all layers. */
async function pull({ host }: RegistryProcess, name: string, setting: Setting): Promise<void> {
  const folder = await setting.folder();
  const to = `dir:${join(folder, 'image')}`;
  await run('skopeo', ['copy', '--src-tls-verify=false', '--dest-decompress', `docker://${host}/${name}`, to]);
  await rm(folder, { recursive: true });
}

/** Reads blobs, one after the other, and drops them: the server alone is at work. */
async function readAll(origin: string, digests: readonly Digest[]): Promise<void> {
  for (const digest of digests) {
    const [response] = (await once(get(`${origin}/v2/${BIG}/blobs/${digest}`), 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`${digest}: ${String(response.statusCode)}`);
    const nowhere = new Writable({
      write(_chunk, _encoding, callback) {
        callback();
      },
    });
    await pipeline(response, nowhere);
  }
}

/** A process that has sent none of the image's blobs, when what it does ahead is done. */
async function startFresh(folder: string, setting: Setting): Promise<RegistryProcess> {
  const registry = await startOver(folder, { NIXERY_EVAL_AHEAD: 'off' });
  await pull(registry, OTHER, setting);
  // It begins a third of a second after the start.
  await sleep(1_000);
  await untilIdle(registry.pid);
  return registry;
}

async function processorSeconds({ pid }: RegistryProcess, work: () => Promise<unknown>): Promise<number> {
  const before = await processorTimeMs(pid);
  await work();
  return ((await processorTimeMs(pid)) - before) / 1000;
}

/** Makes the images. Gives the blobs of the big one. */
async function fill(folder: string): Promise<readonly Digest[]> {
  await using maker = await startOver(folder);
  await manifestOf(maker, OTHER);
  const { config, layers } = JSON.parse((await manifestOf(maker, BIG)).toString()) as {
    config: { digest: Digest };
    layers: { digest: Digest }[];
  };
  return [config, ...layers].map(({ digest }) => digest);
}

export const proving: Benchmark = {
  name: 'proving',
  async measure(setting) {
    const folder = await setting.folder();
    const digests = await fill(folder);
    const fileOf = (digest: Digest) => join(folder, blobKey(digest));
    await using files = await startFileServer(join(folder, 'layers'));
    const pulls = { first: [] as number[], again: [] as number[] };
    const reads = { first: [] as number[], again: [] as number[], files: [] as number[] };
    const processor = { more: [] as number[], hash: [] as number[] };
    let peakMemoryBytes = 0;
    for (let round = 0; round < setting.runs; round++) {
      await using pulled = await startFresh(folder, setting);
      pulls.first.push(await seconds(() => pull(pulled, BIG, setting)));
      pulls.again.push(await seconds(() => pull(pulled, BIG, setting)));
      await pulled.stop();

      await using read = await startFresh(folder, setting);
      const sending = (to: number[]) => async () => {
        to.push(await seconds(() => readAll(read.origin, digests)));
      };
      const first = await processorSeconds(read, sending(reads.first));
      const again = await processorSeconds(read, sending(reads.again));
      reads.files.push(await seconds(() => readAll(files.origin, digests)));
      processor.more.push(first - again);
      processor.hash.push(digests.reduce((sum, digest) => sum + hashSeconds(fileOf(digest)), 0));
      peakMemoryBytes = Math.max(peakMemoryBytes, await read.peakMemoryBytes());
    }
    const sent = { what: 'the same files, sent by Node alone', values: reads.files };
    return [
      {
        ...{
          name: 'skopeo pulls and unpacks what a process never sent',
          unit: 's',
          values: pulls.first,
          peakMemoryBytes,
        },
        ...{ floor: { what: 'the same again', values: pulls.again }, atMostOfFloor: MOST },
      },
      { name: 'its bytes alone, sent for the first time', unit: 's', values: reads.first, floor: sent },
      { name: 'its bytes alone, sent again', unit: 's', values: reads.again, floor: sent },
      {
        ...{ name: 'processor time that the first time takes more', unit: 's', values: processor.more },
        floor: { what: 'SHA-256 of the same bytes', values: processor.hash },
      },
    ];
  },
};
