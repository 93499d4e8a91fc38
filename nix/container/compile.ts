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
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const { PATH = '', NODE_COMPILE_CACHE: cache = '' } = process.env;
const START_TIMEOUT_MS = 60_000;

const store = await mkdtemp(join(tmpdir(), 'compile-'));
const program = spawn('sh', ['/app/start.sh'], {
  // An image may be built in the machine's network, where others have their ports: any free one, which the log names.
  env: { PATH, PORT: '0', NODE_ENV: 'production', NODE_COMPILE_CACHE: cache, STORAGE_PATH: store },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ended = once(program, 'exit');
const killing = setTimeout(() => program.kill('SIGKILL'), START_TIMEOUT_MS);
const port = await new Promise<number>((resolve, reject) => {
  createInterface(program.stdout).on('line', (line) => {
    const { message, port } = JSON.parse(line) as { readonly message?: string; readonly port?: number };
    if (message === 'ready' && port !== undefined) resolve(port);
  });
  ended.then(() => {
    reject(new Error('the program does not start'));
  }, reject);
});
clearTimeout(killing);
const { status } = await fetch(`http://127.0.0.1:${port}/ready`);
assert.equal(status, 200);
// The threads that make layers start as well.
await sleep(1_000);
program.kill('SIGTERM');
assert.deepEqual(await ended, [0, null]);
assert.ok(readdirSync(cache).length > 0, 'nothing was kept');
await rm(store, { recursive: true });
