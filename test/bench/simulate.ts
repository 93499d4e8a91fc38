// npm run simulate: what pulls wait for, and how many instances there are, from 1 to 10,000 pulls a minute.
import { parseArgs } from 'node:util';
import { percentile, type Setting, simulate } from './simulation.ts';

const USAGE = `npm run simulate -- [--name value]...

  --seed 1              the same seed gives the same figures
  --pulls 50000         so many pulls at each rate, and at least an hour of them
  --rates 1,10,...      pulls a minute
  --answer 0.003        seconds of the main thread for one pull, all of its requests
  --composed 0.02       share of pulls whose image is composed of known packages
  --composed-seconds 1  mean time of that
  --built 0.002         share of pulls with a package that nobody asked for yet
  --built-seconds 30    mean time until it is fetched, or built, and packed
  --start 3             seconds to start an instance
  --queue 64            images that wait in one instance to be made (NIXERY_MAX_QUEUE)
  --cpu 4  --concurrency 80  --min 0  --max 3    as in terraform.tfvars
`;

const number = (fallback: number) => ({ type: 'string', default: String(fallback) }) as const;
const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    seed: number(1),
    pulls: number(50_000),
    rates: { type: 'string', default: '1,10,100,1000,10000' },
    answer: number(0.003),
    composed: number(0.02),
    'composed-seconds': number(1),
    built: number(0.002),
    'built-seconds': number(30),
    start: number(3),
    queue: number(64),
    cpu: number(4),
    concurrency: number(80),
    min: number(0),
    max: number(3),
  },
});

if (values.help) process.stdout.write(USAGE);
else print();

function print(): void {
  const setting: Omit<Setting, 'pullsPerMinute' | 'seconds'> = {
    seed: positive(values.seed),
    answerSeconds: positive(values.answer),
    composed: { share: positive(values.composed), seconds: positive(values['composed-seconds']) },
    built: { share: positive(values.built), seconds: positive(values['built-seconds']) },
    startSeconds: positive(values.start),
    processors: positive(values.cpu),
    maxQueue: positive(values.queue),
    concurrency: positive(values.concurrency),
    minInstances: positive(values.min),
    maxInstances: positive(values.max),
  };
  const head = [
    'pulls/min',
    'wait 95%',
    '99%',
    '99.9%',
    'of made 95%',
    '99.9%',
    'made refused',
    'instances, most',
    'mean',
  ];
  const rows = values.rates.split(',').map((rate) => {
    const pullsPerMinute = positive(rate);
    const seconds = Math.max(3600, (positive(values.pulls) / pullsPerMinute) * 60);
    const { waits, waitsOfMade, refused, mostInstances, meanInstances } = simulate({
      ...setting,
      pullsPerMinute,
      seconds,
    });
    const wait = (sorted: Float64Array, share: number) => `${percentile(sorted, share).toFixed(1)} s`;
    const refusedOf = (made: number) => `${((100 * refused) / Math.max(1, made + refused)).toFixed(1)} %`;
    return [
      ...[rate, wait(waits, 0.95), wait(waits, 0.99), wait(waits, 0.999)],
      ...[
        wait(waitsOfMade, 0.95),
        wait(waitsOfMade, 0.999),
        refusedOf(waitsOfMade.length),
        String(mostInstances),
        meanInstances.toFixed(1),
      ],
    ];
  });
  for (const row of [head, head.map(() => '---'), ...rows]) process.stdout.write(`| ${row.join(' | ')} |\n`);
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    process.stderr.write(`${JSON.stringify(text)} is no number\n\n${USAGE}`);
    process.exit(2);
  }
  return value;
}
