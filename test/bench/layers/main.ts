// npm run bench:layers: what plans of layers cost clients in a year. -- --help says more.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import { seededRandom } from '../random.ts';
import { algorithms, NIXERY, NIXERY_LAYERS, OWN } from './algorithms/plans.ts';
import { history } from './history.ts';
import { measure, type Measurement } from './measure.ts';
import { readPackageGraph } from './package-graph.ts';
import { popularityIn } from './popularity.ts';
import { report, type Row } from './report.ts';
import { restrictedTo } from './restrict-graph.ts';
import { simulateYear } from './simulate-year.ts';
import { PACKAGES, WEEKS, workloads } from './workloads.ts';

const USAGE = `npm run bench:layers -- [--option]...

  --seed 1      the same seed gives the same figures over the same package set
  --measure     measures docker, podman and ctr first (root; a quarter of an hour), and keeps the figures in models.json
  --runs 3      pulls of each image when measuring
  --write       puts the tables into docs/layers.md instead of printing them
`;

/** Of an image, its root's layer included: the issue's, Nixery's own, and the most that there may be. */
const BUDGETS = [10, 20, 60, NIXERY_LAYERS, 100];

const models = join(import.meta.dirname, 'models.json');
const document = join(import.meta.dirname, '..', '..', '..', 'docs', 'layers.md');

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '3' },
    measure: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function main(): Promise<void> {
  const whole = await readPackageGraph();
  if (values.measure) {
    const measured = await measure(whole, { runs: Number(values.runs), say });
    writeFileSync(models, await format(JSON.stringify(measured), { parser: 'json' }));
  }
  const measurement = JSON.parse(readFileSync(models, 'utf8')) as Measurement;
  const seed = Number(values.seed);
  const graph = restrictedTo(whole, PACKAGES);
  const states = history(graph, WEEKS, seededRandom(seed));
  const all = workloads(seededRandom(seed + 1));
  const rows: Row[] = [];
  for (const { name, withBudget } of algorithms(popularityIn(whole))) {
    for (const maxLayers of BUDGETS) {
      if (maxLayers === NIXERY_LAYERS && name !== NIXERY && name !== OWN) continue;
      const plan = withBudget(maxLayers);
      for (const workload of all) {
        const outcome = simulateYear({ graph, states }, workload, plan, measurement.models);
        rows.push({ workload: workload.name, algorithm: name, maxLayers, outcome });
      }
      say(`${name}, ${maxLayers} layers`);
    }
  }
  const text = report({
    rows,
    workloads: all,
    measurement,
    seed,
    digest: whole.digest,
    packages: graph.packages.length,
  });
  if (!values.write) {
    process.stdout.write(text);
    return;
  }
  const [begin, end] = ['<!-- npm run bench:layers: -->\n', '<!-- end -->'];
  const page = readFileSync(document, 'utf8');
  const [from, to] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  if (from < begin.length || to < from) throw new Error(`${document} has no place for the tables`);
  const made = `${page.slice(0, from)}\n${text}\n${page.slice(to)}`;
  writeFileSync(document, await format(made, { parser: 'markdown', printWidth: 120, proseWrap: 'preserve' }));
}

if (values.help) process.stdout.write(USAGE);
else await main();
