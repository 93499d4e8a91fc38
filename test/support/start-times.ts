import { nodeFlags } from './node-flags.ts';
import { type StartTime, timeStart } from './start-time.ts';

/**
 * Times starts of the bundle in this container, and of a server of Node alone, by turns, and prints them as JSON:
 * `node start-times.ts RUNS`.
 */

const program = '/app/functions/index.mjs';
// As nix/container/start.sh does.
const args = [
  ...['--enable-source-maps', ...nodeFlags('/app/node-flags')],
  ...[program, `--source=${program}`, '--target=registry', '--signature-type=http', '--ignored-routes='],
];
const {
  NODE_ENV = '',
  NODE_COMPILE_CACHE = '',
  UV_THREADPOOL_SIZE = '',
  MALLOC_ARENA_MAX = '',
  GLIBC_TUNABLES = '',
} = process.env;
const env = {
  ...{ NODE_ENV, NODE_COMPILE_CACHE, UV_THREADPOOL_SIZE, MALLOC_ARENA_MAX, GLIBC_TUNABLES },
  STORAGE_PATH: '/tmp/store',
};
const bareArgs = (port: number) => ['-e', `require('http').createServer((_, out) => out.end('{}')).listen(${port})`];

const ours: StartTime[] = [];
const bare: StartTime[] = [];
while (ours.length < Number(process.argv[2])) {
  ours.push(await timeStart(() => args, env));
  bare.push(await timeStart(bareArgs, {}));
}
process.stdout.write(JSON.stringify({ ours, bare }));
