import { algorithms, NIXERY, OWN } from './algorithms/plans.ts';
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
  const parameters = Object.entries(models).map(([client, { base, perLayer, perUnpackedByte }]) => [
    client,
    `${base.toFixed(2)} s`,
    `${perLayer.toFixed(3)} s`,
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
    table(['client', 'a pull', 'each layer', 'unpacking'], parameters),
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
    ...['plan', 'most layers', 'layers', 'new', 'bytes', 'seconds at 50', '500', '5000 Mbit/s'],
    ...['bytes, prefix', 'seconds at 500, prefix', 'joined anew'],
  ];
  const body = rows
    .filter(({ workload }) => workload === name)
    .map(({ algorithm, maxLayers, outcome }) => [
      algorithm,
      String(maxLayers),
      outcome.layers.toFixed(1),
      outcome.newLayers.toFixed(1),
      outcome.ratio.toFixed(3),
      ...outcome.seconds.map((seconds) => seconds.toFixed(2)),
      outcome.prefixRatio.toFixed(3),
      (outcome.prefixSeconds[1] ?? 0).toFixed(2),
      `${(outcome.joinedBytes / 1e6).toFixed(1)} MB`,
    ]);
  return [`### ${name}: ${about}`, table(head, body)].join('\n\n');
}

/** Plans that are better than another in bytes and in time at once, of clients that reuse any blob. */
function frontOf({ rows, workloads }: ReportInput): string {
  const own = (workload: string, maxLayers: number) =>
    rows.find((row) => row.workload === workload && row.algorithm === OWN && row.maxLayers === maxLayers);
  const meanSeconds = ({ outcome }: Row): number =>
    outcome.seconds.reduce((sum, seconds) => sum + seconds, 0) / outcome.seconds.length;
  const lines = workloads.map(({ name }) => {
    const chosen = own(name, 100);
    if (chosen === undefined) throw new Error(`${OWN} was not simulated`);
    const better = rows.filter(
      (row) =>
        row.workload === name &&
        !row.algorithm.startsWith(OWN) &&
        row.outcome.ratio <= chosen.outcome.ratio &&
        meanSeconds(row) <= meanSeconds(chosen),
    );
    const nixery = rows.find((row) => row.workload === name && row.algorithm === NIXERY && row.maxLayers === 94);
    const against =
      nixery === undefined
        ? []
        : [
            `Nixery's at 94 layers: ${nixery.outcome.ratio.toFixed(3)} of the bytes and ${meanSeconds(nixery).toFixed(2)} s`,
            `this: ${chosen.outcome.ratio.toFixed(3)} and ${meanSeconds(chosen).toFixed(2)} s`,
          ];
    const names = better.map(({ algorithm, maxLayers }) => `${algorithm} (${maxLayers})`);
    return `- ${name}: ${names.length === 0 ? 'no other plan is better in bytes and in time at once' : `better in bytes and in time: ${names.join(', ')}`}. ${against.join('; ')}.`;
  });
  return ['### Whether the default is on the front', 'Time is the mean over the three lines.', lines.join('\n')].join(
    '\n\n',
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
