import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, succeeds } from '../command.ts';

/** A Docker Engine, and the containerd that it runs on. */
export interface DockerEngine extends AsyncDisposable {
  /** Runs `docker ARGS` against it and gives what it prints. */
  docker(...args: readonly string[]): Promise<string>;
  /** Runs `ctr ARGS` against its containerd. */
  ctr(...args: readonly string[]): Promise<string>;
}

const START_TIMEOUT_MS = 30_000;

/** Starts an engine of the tests' own, with its own folders and socket, without networks. It is ended with all it started. */
export async function startDockerEngine(): Promise<DockerEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'nixery-docker-'));
  const socket = `unix://${folder}/docker.sock`;
  const engine = spawn(
    'dockerd',
    [
      ...['--host', socket, '--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`],
      ...['--pidfile', `${folder}/docker.pid`, '--iptables=false', '--ip6tables=false', '--bridge=none'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let printed = '';
  engine.stderr.on('data', (chunk: Buffer) => (printed = (printed + chunk.toString()).slice(-4000)));
  const docker = (...args: readonly string[]) => run('docker', ['--host', socket, ...args]);

  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  while (!(await succeeds('docker', ['--host', socket, 'version']))) {
    if (engine.exitCode !== null || Date.now() > deadlineMs)
      throw new Error(`Docker Engine does not start:\n${printed}`);
    await sleep(200);
  }
  return {
    docker,
    ctr: (...args) => run('ctr', ['--address', `${folder}/exec/containerd/containerd.sock`, ...args]),
    async [Symbol.asyncDispose]() {
      const ended = once(engine, 'exit');
      engine.kill('SIGTERM');
      await ended;
      // Containers in the machine's own network leave it mounted there.
      await succeeds('umount', [`${folder}/exec/netns/default`]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
