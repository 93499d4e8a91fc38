import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, succeeds } from '../command.ts';

/** A Docker Engine, and the containerd that it runs on. */
export interface DockerEngine extends AsyncDisposable {
  /** Where it listens, for clients that a test starts in another way. */
  readonly address: string;
  /** Runs `docker ARGS` against it and gives what it prints. */
  docker(...args: readonly string[]): Promise<string>;
  /** Runs `ctr ARGS` against its containerd. */
  ctr(...args: readonly string[]): Promise<string>;
}

const START_TIMEOUT_MS = 30_000;

/**
 * Starts an engine of the tests' own, with its own folders and socket, without networks. It is ended with all it started.
 *
 * @param enter the first words of its command line, where it is not to run as this process does
 * @param address a socket's, where it has to be known before
 */
export async function startDockerEngine(enter: readonly string[] = [], address?: string): Promise<DockerEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'nixery-docker-'));
  const socket = address ?? `unix://${folder}/docker.sock`;
  const [program, ...within] = [...enter, 'dockerd'];
  const engine = spawn(
    program,
    [
      ...within,
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
    address: socket,
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
