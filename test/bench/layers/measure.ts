import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientModel, type ModelledLayer, secondsOf } from './client-model.ts';
import { type CompressionFigure, measureCompression } from './compression.ts';
import type { PackageGraph } from './package-graph.ts';
import { measurePlanning, type PlanningTime } from './planning-time.ts';
import { type ImageAsked, type RealClient, realPulls, type RealPull } from './real-pulls.ts';

/** The clients' models and how well they predict pulls that they were not made from. */
export interface Measurement {
  readonly models: Readonly<Record<RealClient, ClientModel>>;
  readonly planning: PlanningTime;
  readonly compression: readonly CompressionFigure[];
  readonly checks: readonly {
    readonly client: RealClient;
    readonly image: string;
    readonly layers: number;
    readonly measured: number;
    readonly predicted: number;
  }[];
}

/** Between programs of one machine. */
const LOOPBACK_BYTES_PER_SECOND = 1_000_000_000;

/** The models come from these: little, much, many small files and few large ones, and the same in few layers and in many. */
const LEARNED: readonly ImageAsked[] = [
  { image: 'hello', maxLayers: 100 },
  { image: 'shell/git/curl/python3', maxLayers: 4 },
  { image: 'shell/git/curl/python3', maxLayers: 12 },
  { image: 'shell/git/curl/python3', maxLayers: 100 },
  { image: 'shell/vim/ruby', maxLayers: 100 },
  { image: 'shell/gcc', maxLayers: 4 },
  { image: 'shell/gcc', maxLayers: 100 },
];

/** And are tried on these, as they are by default. */
const CHECKED = [
  'shell/git',
  'shell/jq/htop',
  'shell/nodejs',
  'shell/python3/sqlite3',
  'shell/postgresql-client/openssl',
].map((image) => ({ image, maxLayers: 100 }));

export async function measure(
  graph: PackageGraph,
  { runs, say }: { readonly runs: number; readonly say: (text: string) => void },
): Promise<Measurement> {
  const folder = await mkdtemp(join(tmpdir(), 'nixery-layers-'));
  try {
    const pulls = await realPulls([...LEARNED, ...CHECKED], { runs, folder, say });
    const isOf = (asked: readonly ImageAsked[], pull: RealPull) =>
      asked.some(({ image, maxLayers }) => image === pull.image && maxLayers === pull.maxLayers);
    const learned = pulls.filter((pull) => isOf(LEARNED, pull));
    const checked = pulls.filter((pull) => isOf(CHECKED, pull));
    const modelOf = (client: RealClient) => fit(learned.filter((pull) => pull.client === client));
    const models = { docker: modelOf('docker'), podman: modelOf('podman'), ctr: modelOf('ctr') };
    return {
      models,
      planning: measurePlanning(graph),
      compression: await measureCompression(runs, folder),
      checks: checked.map(({ client, image, layers, seconds }) => ({
        ...{ client, image, layers: layers.length, measured: seconds },
        predicted: secondsOf(models[client], layers, LOOPBACK_BYTES_PER_SECOND),
      })),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const PARAMETERS = ['base', 'perLayer', 'perEntry', 'perUnpackedByte'] as const;

/** The model with the least squares of relative errors; nothing in it is negative. */
export function fit(pulls: readonly RealPull[]): ClientModel {
  const rows = pulls.map(({ layers, seconds }) => {
    const total = (count: (layer: ModelledLayer) => number) => layers.reduce((sum, layer) => sum + count(layer), 0);
    const counts = [1, layers.length, total(({ entries }) => entries), total(({ unpackedBytes }) => unpackedBytes)];
    return counts.map((count) => count / seconds);
  });
  let best: { readonly values: readonly number[]; readonly error: number } | undefined;
  // Each of the parameters may be nothing: with those that are left the equations are linear.
  for (let subset = 1; subset < 2 ** PARAMETERS.length; subset++) {
    const used = PARAMETERS.map((_, column) => column).filter((column) => (subset >> column) % 2 === 1);
    const solution = leastSquares(
      rows.map((row) => used.map((column) => row[column] ?? 0)),
      pulls.map(() => 1),
    );
    const values = PARAMETERS.map((_, column) => solution[used.indexOf(column)] ?? 0);
    if (!values.every((value) => value >= 0)) continue;
    const error = rows.reduce((sum, row) => sum + (dot(row, values) - 1) ** 2, 0);
    if (best === undefined || error < best.error) best = { values, error };
  }
  if (best === undefined) throw new Error('the pulls fit no model');
  const [base = 0, perLayer = 0, perEntry = 0, perUnpackedByte = 0] = best.values;
  return { base, perLayer, perEntry, perUnpackedByte };
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, index) => sum + x * (b[index] ?? 0), 0);
}

/** Solves the normal equations by elimination. */
function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): readonly number[] {
  const size = rows[0]?.length ?? 0;
  const columns = Array.from({ length: size }, (_, column) => rows.map((row) => row[column] ?? 0));
  // Of very different magnitudes: scaled, so that elimination loses nothing.
  const scales = columns.map((column) => Math.hypot(...column) || 1);
  const matrix = columns.map((a, i) => [
    ...columns.map((b, j) => dot(a, b) / ((scales[i] ?? 1) * (scales[j] ?? 1))),
    dot(a, values) / (scales[i] ?? 1),
  ]);
  for (let pivot = 0; pivot < size; pivot++) {
    const row = matrix[pivot] as number[];
    for (let other = 0; other < size; other++) {
      if (other === pivot) continue;
      const target = matrix[other] as number[];
      const factor = (target[pivot] ?? 0) / (row[pivot] ?? 1);
      matrix[other] = target.map((value, column) => value - factor * (row[column] ?? 0));
    }
  }
  return matrix.map((row, index) => (row[size] ?? 0) / (row[index] ?? 1) / (scales[index] ?? 1));
}
