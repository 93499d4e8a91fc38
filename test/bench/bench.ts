import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../support/command.ts';
import { composed, coldInstance } from './composed.ts';
import { boundOf, type Figure, isReached, median, type Setting } from './figure.ts';
import { crowd } from './crowd.ts';
import { firstManifests } from './first-manifest.ts';
import { indexes } from './indexes.ts';
import { neighbours } from './neighbours.ts';
import { packing } from './packing.ts';
import { wholePulls } from './pulls.ts';
import { base, redirect, warmManifest } from './requests.ts';
import { proving } from './proving.ts';
import { search } from './search.ts';
import { stalledReaders } from './stalled-readers.ts';
import { start } from './start.ts';
import { stolenSince } from './stolen.ts';
import { upload } from './upload.ts';

/** Measures, prints a table as it goes, and writes all figures as JSON. */

const all = [
  start,
  base,
  warmManifest,
  redirect,
  packing,
  ...firstManifests,
  indexes,
  composed,
  coldInstance,
  ...wholePulls,
  upload,
  neighbours,
  crowd,
  stalledReaders,
  proving,
  search,
];

const { options, names, runs } = askedFor(process.argv.slice(2));

/** What was asked for. Where it cannot be understood, how to ask is printed instead. */
function askedFor(args: string[]) {
  const defaults = { runs: '3', out: join(process.env['NIXERY_DATA_DIR'] ?? '.data', 'bench.json') };
  try {
    const { values: options, positionals: names } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        runs: { type: 'string', default: defaults.runs },
        out: { type: 'string', default: defaults.out },
      },
    });
    const runs = Number(options.runs);
    if (!(Number.isInteger(runs) && runs > 0)) throw new RangeError(`no number of runs: ${options.runs}`);
    const unknown = names.filter((name) => !all.some((benchmark) => benchmark.name === name));
    if (unknown.length > 0) throw new RangeError(`no such benchmark: ${unknown.join(' ')}`);
    return { options, names, runs };
  } catch (error) {
    const known = all.map(({ name }) => name).join(' ');
    const usage = `npm run bench -- [--runs N] [--out FILE] [NAME...]\nThe names are: ${known}\n`;
    process.stderr.write(args.includes('--help') ? usage : `${(error as Error).message}\n${usage}`);
    return process.exit(args.includes('--help') ? 0 : 2);
  }
}

const scratch = await mkdtemp(join(tmpdir(), 'nixery-bench-'));
let folders = 0;
const setting: Setting = {
  runs,
  async folder() {
    const path = join(scratch, String(folders++));
    await mkdir(path);
    return path;
  },
};

const machine = () => ({ cores: availableParallelism(), processor: cpus()[0]?.model, load: loadavg()[0] });
/** A figure, and how busy the machine was while its benchmark ran. */
type Measured = Figure & { readonly load: number | undefined; readonly stolen: number };
const figures: Measured[] = [];
try {
  const { cores, processor, load } = machine();
  print(`${cores} cores, ${processor ?? 'unknown'}, load ${load?.toFixed(2) ?? '?'}; medians of ${runs} runs\n`);
  row('', 'measured', 'floor', 'ratio', 'memory', 'best', 'stolen', 'bound');
  for (const benchmark of all) {
    if (names.length > 0 && !names.includes(benchmark.name)) continue;
    const stolen = await stolenSince();
    const measured = await benchmark.measure(setting);
    const busy = { load: machine().load, stolen: await stolen() };
    for (const figure of measured) {
      figures.push({ ...figure, ...busy });
      show({ ...figure, ...busy });
    }
    // So that the disk is not busy with what this one wrote while the next is measured, and the memory that held it can
    // be used again. The files stay, empty: ext4 looks through those that were removed lately for each that is made.
    await run('find', [scratch, '-type', 'f', '-size', '+0', '-exec', 'truncate', '--size=0', '{}', '+']);
    await run('sync', []);
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}
await mkdir(dirname(options.out), { recursive: true });
const summary = figures.map((figure) => ({
  ...figure,
  median: median(figure.values),
  ...(figure.floor && { floor: { ...figure.floor, median: median(figure.floor.values) } }),
}));
await writeFile(options.out, `${JSON.stringify({ runs, ...machine(), figures: summary }, undefined, 2)}\n`);
// A bound that was missed is a failure of the command.
if (!figures.every(isReached)) process.exitCode = 1;

function show(figure: Measured): void {
  const { name, unit, values, floor, peakMemoryBytes, stolen } = figure;
  const bound = boundOf(figure);
  const best = unit !== 'requests/s' ? Math.min(...values) : Math.max(...values);
  const text = (value: number) =>
    unit === 's' ? `${value.toFixed(3)} s` : `${Math.round(value)}${unit === 'MB' ? ' MB' : '/s'}`;
  const measured = median(values);
  const least = floor && median(floor.values);
  row(
    name,
    text(measured),
    least === undefined ? '' : text(least),
    least === undefined ? '' : (measured / least).toFixed(2),
    peakMemoryBytes === undefined ? '' : `${Math.round(peakMemoryBytes / 1e6)} MB`,
    text(best),
    `${Math.round(100 * stolen)} %`,
    bound === undefined ? '' : text(bound),
    ...(isReached(figure) ? [] : ['MISSED']),
  );
}

function row(name: string, ...cells: readonly string[]): void {
  print(`${name.padEnd(72)}${cells.map((cell) => cell.padStart(11)).join('')}\n`);
}

function print(text: string): void {
  process.stdout.write(text);
}
