import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from './node-flags.ts';

/** A registry in a process of its own, as `npm start` runs it. */
export interface RegistryProcess extends AsyncDisposable {
  readonly origin: string;
  readonly host: string;
  readonly pid: number;
  /** What it has logged, one object a line. */
  readonly log: Record<string, unknown>[];
  /** All that it has printed, its log included. */
  printed(): string;
  /** Ends it as Cloud Run does, with SIGTERM, and gives its exit code: null when it had to be killed. */
  stop(): Promise<number | null>;
  /** Ends it at once, with SIGKILL. */
  kill(): Promise<void>;
  /** Largest resident memory so far, in bytes. */
  peakMemoryBytes(): Promise<number>;
}

export const projectFolder = fileURLToPath(new URL('../../..', import.meta.url));

/** Nix as the tests need it: no users, no sandbox, no cache. */
export const NIX_CONFIG = ['build-users-group =', 'sandbox = false', 'substitute = false'].join('\n');

/**
 * Starts a registry and waits until it listens.
 *
 * @param env its configuration; of this process's variables only PATH and HOME are passed on
 * @param nixFolder stands in for `/nix` in the process's own mount namespace, as if it were another machine (root only)
 * @param uid who it runs as there, with a group of the same number @param umask in octal
 * @throws Error with what it printed, when it ends instead
 */
export async function startRegistry(
  env: Readonly<Record<string, string>>,
  { nixFolder, uid, umask = '022' }: { nixFolder?: string; uid?: number; umask?: string } = {},
): Promise<RegistryProcess> {
  const framework = `${projectFolder}node_modules/@google-cloud/functions-framework/build/src/main.js`;
  // As nix/start.sh does.
  const flags = nodeFlags(`${projectFolder}nix/node-flags`);
  const program = [process.execPath, ...flags, framework, '--target=registry', '--ignored-routes='];
  const [command, ...args] =
    nixFolder === undefined
      ? program
      : [
          ...['unshare', '--mount', 'sh', '-ec', `umask ${umask}; mount --bind '${nixFolder}' /nix; exec "$@"`, 'sh'],
          ...(uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']),
          ...program,
        ];
  if (command === undefined) throw new Error('nothing to run');
  const child = spawn(command, args, {
    cwd: projectFolder,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      NODE_ENV: 'production',
      UV_THREADPOOL_SIZE: '8',
      MALLOC_ARENA_MAX: '2',
      GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
      NODE_COMPILE_CACHE: join(process.env['NIXERY_DATA_DIR'] ?? join(projectFolder, '.data'), 'compile-cache'),
      NIX_CONFIG,
      // One that the kernel chooses while it is taken: a port that was free before may not be so any more.
      PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  let all = '';
  const log: Record<string, unknown>[] = [];
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (all += chunk.toString()));
  const lines = createInterface(child.stdout);
  const ready = new Promise<number>((resolve, reject) => {
    lines.on('line', (line) => {
      if (!line.startsWith('{')) {
        printed += `${line}\n`;
        return;
      }
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry['message'] === 'ready') resolve(Number(entry['port']));
    });
    child.once('exit', (code) => {
      reject(new Error(`the registry ended with ${String(code)}: ${printed}`));
    });
  });
  const host = `127.0.0.1:${await ready}`;
  return {
    host,
    pid: child.pid ?? 0,
    origin: `http://${host}`,
    log,
    printed: () => all,
    async peakMemoryBytes() {
      const status = await readFile(`/proc/${String(child.pid)}/status`, 'utf8');
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    },
    stop: () => end(child, 'SIGTERM'),
    async kill() {
      await end(child, 'SIGKILL');
    },
    async [Symbol.asyncDispose]() {
      await end(child, 'SIGTERM');
    },
  };
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 12_000);
  await ended;
  clearTimeout(timer);
  return child.exitCode;
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
