import { parseArgs } from 'node:util';
import { soak } from './soak.ts';
import type { Usage } from './usage.ts';
import { verdicts } from './verdict.ts';

/**
 * npm run soak: minutes of mixed traffic against a server of its own on this machine, and at the end whether what it takes of
 * memory, descriptors and processes grows. Ends with 1 when it does, or when an answer was not as it has to be.
 */

const MOST_MINUTES = 120;
const MOST_REQUESTS = 1_000_000;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes >= 0.5 && minutes <= MOST_MINUTES && Number.isInteger(seed))) {
  process.stderr.write(`npm run soak -- [--minutes N] [--seed N]\nThe minutes are from 0.5 to ${MOST_MINUTES}.\n`);
  process.exit(2);
}
const row = (...cells: readonly string[]) =>
  process.stdout.write(`${cells.map((cell) => cell.padStart(12)).join('')}\n`);
process.stdout.write(`${minutes} minutes, seed ${seed}\n`);
row('seconds', 'memory', 'descriptors', 'processes');
const onSample = ({ seconds, memoryBytes, descriptors, processes }: Usage) => {
  row(seconds.toFixed(0), `${Math.round(memoryBytes / 1e6)} MB`, String(descriptors), String(processes));
};
const report = await soak({ seconds: minutes * 60, seed, requests: MOST_REQUESTS, onSample });
const { known, new: fresh, cut, unknown } = report.counts;
process.stdout.write(
  `pulls of a known image ${known}, of new images ${fresh}, downloads cut ${cut}, unknown names ${unknown}\n`,
);
const words = verdicts(report.samples);
for (const { words: text } of words) process.stdout.write(`${text}\n`);
for (const finding of report.findings) process.stdout.write(`not as it has to be: ${finding}\n`);
if (report.exitCode !== 0) process.stdout.write(`the server ended with ${String(report.exitCode)}\n`);
if (words.some(({ grows }) => grows) || report.findings.length > 0 || report.exitCode !== 0) process.exitCode = 1;
