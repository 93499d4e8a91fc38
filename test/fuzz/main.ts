import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';

/** npm run fuzz: mutated traffic against a registry in this process. Ends with 1 when anything is found. */

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '200000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    seconds: { type: 'string', default: '600' },
  },
});
const [requests, seed, maxSeconds] = [Number(values.requests), Number(values.seed), Number(values.seconds)];
process.stdout.write(`seed ${seed}, ${requests} requests, at most ${maxSeconds} s\n`);
const report = await fuzz({ seed, requests, maxSeconds });
const statuses = [...report.statuses]
  .sort(([a], [b]) => a - b)
  .map(([status, count]) => `${status || 'none'}: ${count}`);
const rate = Math.round(report.requests / report.seconds);
process.stdout.write(`${report.requests} requests in ${report.seconds.toFixed(1)} s (${rate}/s)\n`);
process.stdout.write(`sent again, since the connection was closed: ${report.closed}\n`);
process.stdout.write(`answers by status: ${statuses.join(', ')}\n`);
for (const finding of report.findings) process.stdout.write(`\n${finding}\n`);
const isComplete = report.requests === requests;
process.stdout.write(isComplete ? '' : `only ${report.requests} of ${requests} requests were sent\n`);
process.stdout.write(`${report.findings.length} findings\n`);
process.exitCode = report.findings.length === 0 && isComplete ? 0 : 1;
