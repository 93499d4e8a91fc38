/**
 * Lets the program start and stop once while the container's image is made, so that what Node compiles meanwhile is in
 * the image: `node nix/container/compile.ts`, with the bundle in `/app` and `NODE_COMPILE_CACHE` set. Half of the time to
 * start is compiling.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { PATH = '', NODE_COMPILE_CACHE: cache = '' } = process.env;
const PORT = '8080';
const START_TIMEOUT_MS = 60_000;

const store = await mkdtemp(join(tmpdir(), 'compile-'));
const program = spawn('sh', ['/app/start.sh'], {
  env: { PATH, PORT, NODE_ENV: 'production', NODE_COMPILE_CACHE: cache, STORAGE_PATH: store },
  stdio: ['ignore', 'ignore', 'inherit'],
});
const ended = once(program, 'exit');
const isThere = () =>
  fetch(`http://127.0.0.1:${PORT}/ready`).then(
    ({ ok }) => ok,
    () => false, // Nobody listens yet.
  );
const untilMs = Date.now() + START_TIMEOUT_MS;
while (!(await isThere())) {
  assert.ok(program.exitCode === null && Date.now() < untilMs, 'the program does not start');
  await sleep(100);
}
// The threads that make layers start as well.
await sleep(1_000);
program.kill('SIGTERM');
assert.deepEqual(await ended, [0, null]);
assert.ok(readdirSync(cache).length > 0, 'nothing was kept');
await rm(store, { recursive: true });
