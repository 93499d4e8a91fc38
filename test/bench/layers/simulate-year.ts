import { type ClientModel, secondsOf } from './client-model.ts';
import type { State } from './history.ts';
import type { PackageGraph } from './package-graph.ts';
import type { RealClient } from './real-pulls.ts';
import { anyBlobClient, prefixClient } from './simulated-client.ts';
import { type Plan, type SimulatedImage, simulatedImage, type SimulatedLayer } from './simulated-image.ts';
import type { Workload } from './workloads.ts';

/** Lines that clients pull over, in bits a second. */
const LINES = [50e6, 500e6, 5000e6] as const;

/** What a workload costs with one plan. */
export interface Outcome {
  /** Downloaded bytes, against every store path once for each client: of clients that reuse any blob. */
  readonly ratio: number;
  /** The same of clients that reuse layers along a shared prefix. */
  readonly prefixRatio: number;
  /** Of each pull that brought something new, on the average. */
  readonly layers: number;
  /** Layers that were downloaded: as many requests, beside those for manifest and config. */
  readonly newLayers: number;
  /** Of such a pull, on each line. containerd and podman reuse any blob, docker's classic store a prefix. */
  readonly seconds: Readonly<Record<RealClient, readonly number[]>>;
  /** Bytes that the registry joins for a new image whose paths are all packed. */
  readonly joinedBytes: number;
}

export function simulateYear(
  { graph, states }: { readonly graph: PackageGraph; readonly states: readonly State[] },
  { clients }: Workload,
  plan: Plan,
  models: Readonly<Record<RealClient, ClientModel>>,
): Outcome {
  const images = new Map<string, SimulatedImage>();
  const joined = new Map<string, number>();
  const total = { any: 0, prefix: 0, least: 0, pulls: 0, layers: 0, newLayers: 0 };
  const clientNames: readonly RealClient[] = ['ctr', 'podman', 'docker'];
  const seconds = { ctr: LINES.map(() => 0), podman: LINES.map(() => 0), docker: LINES.map(() => 0) };

  function imageOf(week: number, names: readonly string[]): SimulatedImage {
    const key = `${week} ${names.join()}`;
    let image = images.get(key);
    if (image === undefined) {
      image = simulatedImage(graph, states[week] ?? [], names, plan);
      images.set(key, image);
      for (const { id, paths, bytes } of image.layers) if (paths > 1) joined.set(id, bytes);
    }
    return image;
  }

  for (const pulls of clients) {
    const [anyBlob, prefix, least] = [anyBlobClient(), prefixClient(), anyBlobClient()];
    for (const { week, image: names } of pulls) {
      const image = imageOf(week, names);
      total.least += bytesOf(least.pull({ ...image, layers: image.least }));
      const fromPrefix = prefix.pull(image);
      const missing = anyBlob.pull(image);
      total.prefix += bytesOf(fromPrefix);
      total.any += bytesOf(missing);
      if (missing.length === 0) continue;
      total.pulls++;
      total.layers += image.layers.length;
      total.newLayers += missing.length;
      for (const client of clientNames) {
        const layers = client === 'docker' ? fromPrefix : missing;
        LINES.forEach((bits, line) => {
          seconds[client][line] = (seconds[client][line] ?? 0) + secondsOf(models[client], layers, bits / 8);
        });
      }
    }
  }
  const mean = (sums: readonly number[]): readonly number[] => sums.map((sum) => sum / total.pulls);
  const made = new Set([...images.values()].map(({ layers }) => layers.at(-1)?.id));
  return {
    ratio: total.any / total.least,
    prefixRatio: total.prefix / total.least,
    layers: total.layers / total.pulls,
    newLayers: total.newLayers / total.pulls,
    seconds: { ctr: mean(seconds.ctr), podman: mean(seconds.podman), docker: mean(seconds.docker) },
    joinedBytes: [...joined.values()].reduce((sum, bytes) => sum + bytes, 0) / made.size,
  };
}

function bytesOf(layers: readonly SimulatedLayer[]): number {
  return layers.reduce((sum, { bytes }) => sum + bytes, 0);
}
