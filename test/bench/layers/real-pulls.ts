import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { blobKey } from '../../../functions/storage/known-blobs.ts';
import type { Digest } from '../../../functions/oci/digest.ts';
import { run, succeeds } from '../../support/command.ts';
import { startDockerEngine } from '../../support/docker-engine.ts';
import { seconds } from '../figure.ts';
import { manifestOf, startOver } from '../registry.ts';
import type { ModelledLayer } from './client-model.ts';

export type RealClient = 'docker' | 'podman' | 'ctr';

/** How long it took a real client, which had nothing before, to pull an image. */
export interface RealPull {
  readonly client: RealClient;
  readonly image: string;
  /** `NIXERY_LAYERS`. */
  readonly maxLayers: number;
  /** From the bottom to the top. */
  readonly layers: readonly ModelledLayer[];
  /** The least of several pulls: what else the machine does only makes them longer. */
  readonly seconds: number;
}

export interface ImageAsked {
  readonly image: string;
  /** `NIXERY_LAYERS`. */
  readonly maxLayers: number;
}

/** Pulls each image `runs` times with each client, from a registry that has made it before. */
export async function realPulls(
  asked: readonly ImageAsked[],
  { runs, folder, say }: { readonly runs: number; readonly folder: string; readonly say: (text: string) => void },
): Promise<readonly RealPull[]> {
  await using engine = await startDockerEngine();
  const podman = (...args: string[]) =>
    run('podman', ['--root', join(folder, 'podman'), '--runroot', join(folder, 'podman-run'), ...args]);
  const clients: readonly {
    readonly name: RealClient;
    readonly pull: (image: string) => Promise<unknown>;
    readonly clear: (image: string) => Promise<unknown>;
  }[] = [
    {
      name: 'docker',
      pull: (image) => engine.docker('pull', '--quiet', image),
      clear: (image) => engine.docker('rmi', '--force', image),
    },
    {
      name: 'podman',
      pull: (image) => podman('pull', '--quiet', '--tls-verify=false', image),
      clear: () => podman('rmi', '--all', '--force'),
    },
    {
      name: 'ctr',
      pull: (image) => engine.ctr('image', 'pull', '--plain-http', image),
      clear: (image) => engine.ctr('image', 'rm', '--sync', image),
    },
  ];
  const store = join(folder, 'store');
  const pulls: RealPull[] = [];
  // Turn by turn, so that what else the machine does for a while does not fall on one image alone.
  for (let round = 0; round < runs; round++) {
    for (const { image, maxLayers } of asked) {
      await using registry = await startOver(store, { NIXERY_LAYERS: String(maxLayers) });
      const manifest = JSON.parse((await manifestOf(registry, image)).toString()) as {
        layers: { digest: Digest; size: number }[];
      };
      const unpacked = await unpackedSizes(store);
      const layers = await Promise.all(
        manifest.layers.map(async ({ digest, size }) => ({
          bytes: size,
          unpackedBytes: unpacked.get(digest) ?? gunzipSync(await readFile(join(store, blobKey(digest)))).length,
        })),
      );
      const name = `${registry.host}/${image}:latest`;
      for (const { name: client, pull, clear } of clients) {
        const time = await seconds(() => pull(name));
        await clear(name);
        say(`${client} pulls ${image}, ${layers.length} layers: ${time.toFixed(2)} s`);
        pulls.push({ client, image, maxLayers, layers, seconds: time });
      }
    }
  }
  // What podman has mounted cannot be removed.
  await succeeds('podman', [
    '--root',
    join(folder, 'podman'),
    '--runroot',
    join(folder, 'podman-run'),
    'system',
    'reset',
    '--force',
  ]);
  return [...Map.groupBy(pulls, ({ client, image, maxLayers }) => `${client} ${image} ${maxLayers}`).values()].map(
    (same) => same.reduce((least, pull) => (pull.seconds < least.seconds ? pull : least)),
  );
}

/** Lengths of uncompressed layers, as the records of a store have them. */
async function unpackedSizes(store: string): Promise<ReadonlyMap<Digest, number>> {
  const sizes = new Map<Digest, number>();
  for (const area of ['contents', 'joins']) {
    for (const name of await readdir(join(store, area))) {
      const record = JSON.parse(await readFile(join(store, area, name), 'utf8')) as {
        digest: Digest;
        uncompressedBytes: number;
      };
      sizes.set(record.digest, record.uncompressedBytes);
    }
  }
  return sizes;
}
