import { MAX_LAYERS } from '../../../functions/layer/plan/plan.ts';
import { algorithms, NIXERY, NIXERY_LAYERS, OWN } from './algorithms/plans.ts';
import type { Measurement } from './measure.ts';
import type { Outcome } from './simulate-year.ts';
import type { Workload } from './workloads.ts';

/** What one workload costs with one algorithm and budget. */
export interface Row {
  readonly workload: string;
  readonly algorithm: string;
  readonly maxLayers: number;
  readonly outcome: Outcome;
}

export interface ReportInput {
  readonly rows: readonly Row[];
  readonly workloads: readonly Workload[];
  readonly measurement: Measurement;
  readonly seed: number;
  /** Of the package set's graph. */
  readonly digest: string;
  /** Packages that the workloads need. */
  readonly packages: number;
}

/** The tables, in Markdown. */
export function report(input: ReportInput): string {
  const { workloads, seed, digest, packages } = input;
  return [
    `Seed ${seed}, package set ${digest}, of which the images need ${packages} packages.`,
    clientTables(input.measurement),
    compressionTable(input.measurement),
    [
      '### The plans',
      algorithms(new Map())
        .map(({ name, about }) => `- **${name}**: ${about}`)
        .join('\n'),
    ].join('\n\n'),
    ...workloads.map((workload) => workloadTable(input, workload)),
    frontOf(input),
  ].join('\n\n');
}

function clientTables({ models, checks }: Measurement): string {
  const parameters = Object.entries(models).map(([client, { base, perLayer, perEntry, perUnpackedByte }]) => [
    client,
    `${base.toFixed(2)} s`,
    `${perLayer.toFixed(3)} s`,
    `${(perEntry * 1000).toFixed(2)} s`,
    perUnpackedByte === 0 ? 'nothing' : `1 s for ${(1 / perUnpackedByte / 1e6).toFixed(0)} MB`,
  ]);
  const predictions = checks.map(({ client, image, layers, measured, predicted }) => [
    client,
    image,
    String(layers),
    `${measured.toFixed(2)} s`,
    `${predicted.toFixed(2)} s`,
    `${(100 * (predicted / measured - 1)).toFixed(0)} %`,
  ]);
  return [
    '### What a pull costs a client',
    table(['client', 'a pull', 'each layer', '1,000 files or links', 'unpacking'], parameters),
    table(['client', 'image', 'layers', 'measured', 'predicted', 'off by'], predictions),
  ].join('\n\n');
}

function compressionTable({ compression, planning }: Measurement): string {
  const rows = compression.map(({ compressor, level, uncompressedBytes, bytes, compressSeconds, inflateSeconds }) => [
    compressor,
    String(level),
    `${(bytes / 1e6).toFixed(1)} MB`,
    (bytes / uncompressedBytes).toFixed(3),
    `${(uncompressedBytes / compressSeconds / 1e6).toFixed(0)} MB/s`,
    `${(uncompressedBytes / inflateSeconds / 1e6).toFixed(0)} MB/s`,
  ]);
  const planned = `A plan for ${planning.paths} store paths (${planning.layers} layers without the root) takes ${planning.milliseconds.toFixed(0)} ms.`;
  return [
    planned,
    '### Compressors',
    table(['compressor', 'level', 'bytes', 'of them', 'compresses', 'inflates'], rows),
  ].join('\n\n');
}

function workloadTable({ rows }: ReportInput, { name, about }: Workload): string {
  const head = [
    ...['plan', 'most layers', 'layers', 'new', 'bytes', 'containerd, 50 Mbit/s', '500', '5000', 'podman, 500'],
    ...['bytes, prefix', 'docker, 500', 'joined anew'],
  ];
  const body = rows
    .filter(({ workload }) => workload === name)
    .map(({ algorithm, maxLayers, outcome }) => [
      algorithm,
      String(maxLayers),
      outcome.layers.toFixed(1),
      outcome.newLayers.toFixed(1),
      outcome.ratio.toFixed(3),
      ...outcome.seconds.ctr.map((seconds) => seconds.toFixed(2)),
      (outcome.seconds.podman[1] ?? 0).toFixed(2),
      outcome.prefixRatio.toFixed(3),
      (outcome.seconds.docker[1] ?? 0).toFixed(2),
      `${(outcome.joinedBytes / 1e6).toFixed(1)} MB`,
    ]);
  return [`### ${name}: ${about}`, table(head, body)].join('\n\n');
}

/** Plans that are better than the default in bytes and in time at once, of clients that reuse any blob. */
function frontOf({ rows, workloads }: ReportInput): string {
  const lines = workloads.flatMap(({ name }) =>
    (['ctr', 'podman'] as const).map((client) => {
      const secondsIn = ({ outcome }: Row): number => mean(outcome.seconds[client]);
      const rowOf = (algorithm: string, maxLayers: number): Row => {
        const found = rows.find(
          (row) => row.workload === name && row.algorithm === algorithm && row.maxLayers === maxLayers,
        );
        if (found === undefined) throw new Error(`${algorithm} was not simulated`);
        return found;
      };
      const [chosen, nixery] = [rowOf(OWN, MAX_LAYERS), rowOf(NIXERY, NIXERY_LAYERS)];
      const better = rows.filter(
        (row) =>
          row.workload === name &&
          !row.algorithm.startsWith(OWN) &&
          row.outcome.ratio <= chosen.outcome.ratio &&
          secondsIn(row) <= secondsIn(chosen),
      );
      return [
        name,
        client,
        `${chosen.outcome.ratio.toFixed(3)}, ${secondsIn(chosen).toFixed(2)} s`,
        `${nixery.outcome.ratio.toFixed(3)}, ${secondsIn(nixery).toFixed(2)} s`,
        better.map(({ algorithm, maxLayers }) => `${algorithm} (${maxLayers})`).join(', ') || 'none',
      ];
    }),
  );
  return [
    '### Whether the default is on the front',
    'Bytes against the least possible, and the mean over the three lines.',
    table(['workload', 'client', 'default', `Nixery's at ${NIXERY_LAYERS}`, 'better in both'], lines),
  ].join('\n\n');
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
