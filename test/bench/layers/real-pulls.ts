import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { BLOCK_BYTES, paddingBytes } from '../../../functions/layer/tar.ts';
import { blobKey } from '../../../functions/storage/known-blobs.ts';
import type { Digest } from '../../../functions/oci/digest.ts';
import { run, succeeds } from '../../support/command.ts';
import { startDockerEngine } from '../../support/clients/docker-engine.ts';
import { seconds } from '../figure.ts';
import { manifestOf, startOver } from '../registry.ts';
import type { ModelledLayer } from './client-model.ts';

// Of a ustar header (POSIX pax, "ustar Header Block").
const SIZE_OFFSET = 124;
const TYPE_OFFSET = 156;
const PAX_TYPE = 'x'.charCodeAt(0);

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
  const contents = new Map<Digest, Omit<ModelledLayer, 'bytes'>>();
  const pulls: RealPull[] = [];
  // Turn by turn, so that what else the machine does for a while does not fall on one image alone.
  for (let round = 0; round < runs; round++) {
    for (const { image, maxLayers } of asked) {
      await using registry = await startOver(store, { NIXERY_LAYERS: String(maxLayers) });
      const manifest = JSON.parse((await manifestOf(registry, image)).toString()) as {
        layers: { digest: Digest; size: number }[];
      };
      const layers: ModelledLayer[] = [];
      for (const { digest, size } of manifest.layers) {
        let content = contents.get(digest);
        if (content === undefined) contents.set(digest, (content = await contentOf(join(store, blobKey(digest)))));
        layers.push({ bytes: size, ...content });
      }
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

/** What a layer holds: its headers are counted, those of long names (pax) not. */
async function contentOf(file: string): Promise<Omit<ModelledLayer, 'bytes'>> {
  let [unpackedBytes, entries, next] = [0, 0, 0];
  let held = Buffer.alloc(0);
  for await (const chunk of createReadStream(file).pipe(createGunzip()) as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    for (; next + BLOCK_BYTES <= unpackedBytes + held.length; next += BLOCK_BYTES) {
      const header = held.subarray(next - unpackedBytes, next - unpackedBytes + BLOCK_BYTES);
      // The two blocks at the end are empty.
      if (header[0] === 0) continue;
      if (header[TYPE_OFFSET] !== PAX_TYPE) entries++;
      const size = Number.parseInt(header.toString('latin1', SIZE_OFFSET, SIZE_OFFSET + 11), 8);
      next += size + paddingBytes(size);
    }
    const done = Math.min(held.length, next - unpackedBytes);
    unpackedBytes += done;
    held = held.subarray(done);
  }
  return { unpackedBytes, entries };
}
