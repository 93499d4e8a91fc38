import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DockerEngine } from './docker-engine.ts';
import { freePort } from './registry-process.ts';
import { request } from './request.ts';

/** The service in a container, as Cloud Run runs it. */
export interface ServiceContainer extends AsyncDisposable {
  readonly id: string;
  readonly host: string;
  readonly origin: string;
  /** From the start of its first process to its first answer on `/v2/`. */
  readonly startedInMs: number;
  /** What it has logged, one object a line. */
  log(): Promise<Record<string, unknown>[]>;
  /** Runs a command in it. */
  exec(...command: readonly string[]): Promise<string>;
  /** Ends it with SIGTERM. */
  stop(): Promise<{ readonly exitCode: number; readonly tookMs: number }>;
  kill(): Promise<void>;
}

export interface ContainerOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Folders and files of this machine that it sees, read-only: path here to path there. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** Size of the volume at /nix. */
  readonly storeMib?: number;
}

/** Starts the service read-only but for its volumes, in 1 GiB, without capabilities beyond the usual, and waits until it is ready. */
export async function startContainer(
  engine: DockerEngine,
  image: string,
  { env, mounts = {}, storeMib = 700 }: ContainerOptions,
): Promise<ServiceContainer> {
  const port = await freePort();
  const variables = Object.entries({ ...env, PORT: String(port) }).flatMap(([name, value]) => [
    '--env',
    `${name}=${value}`,
  ]);
  const volumes = Object.entries(mounts).flatMap(([here, there]) => ['--volume', `${here}:${there}:ro`]);
  const host = `127.0.0.1:${port}`;
  const origin = `http://${host}`;
  const given = new AbortController();
  const answered = firstAnswer(origin, given.signal);
  const id = await engine
    .docker(
      ...['run', '--detach', '--read-only', '--network=host', '--memory=1g', '--memory-swap=1g'],
      // Docker's volumes in memory are noexec unless told otherwise; Cloud Run's are not.
      ...['--tmpfs', `/nix:size=${storeMib}m,exec`, '--tmpfs', '/tmp:size=64m'],
      ...volumes,
      ...variables,
      image,
    )
    .then((printed) => printed.trim().split('\n').at(-1) ?? '');
  const logs = () => engine.docker('logs', id);
  const ended = engine.docker('wait', id).then(async () => {
    given.abort();
    throw new Error(`the container ended:\n${await logs()}`);
  });
  ended.catch(() => undefined); // Met below while it starts; afterwards it ends when it should.
  const startedMs = await startTimeMs(await engine.docker('inspect', '--format', '{{.State.Pid}}', id));
  const answeredMs = await Promise.race([answered, ended]);
  for (;;) {
    const { status, body } = await request(origin, 'GET', '/ready');
    if (status === 200) break;
    assert.equal(status, 503, body.toString());
    await sleep(50);
  }

  return {
    id,
    startedInMs: answeredMs - startedMs,
    host,
    origin,
    async log() {
      const lines = (await logs()).split('\n').filter((line) => line.startsWith('{'));
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    exec: (...command) => engine.docker('exec', id, ...command),
    async stop() {
      const startedMs = performance.now();
      await engine.docker('kill', '--signal=TERM', id);
      const exitCode = Number(await engine.docker('wait', id));
      return { exitCode, tookMs: performance.now() - startedMs };
    },
    async kill() {
      await engine.docker('rm', '--force', id);
    },
    async [Symbol.asyncDispose]() {
      await engine.docker('rm', '--force', id);
    },
  };
}

/** Milliseconds since this machine was started. */
async function uptimeMs(): Promise<number> {
  return Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]) * 1000;
}

/** When a process was started, in milliseconds since this machine was (proc(5): field 22, in hundredths of a second). */
async function startTimeMs(pid: string): Promise<number> {
  const stat = await readFile(`/proc/${pid.trim()}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) * 10;
}

/** When `/v2/` was first answered, in milliseconds since this machine was started. */
async function firstAnswer(origin: string, signal: AbortSignal): Promise<number> {
  for (;;) {
    signal.throwIfAborted();
    const isThere = await request(origin, 'GET', '/v2/').then(
      ({ status }) => status === 200,
      () => false, // Nobody listens yet.
    );
    if (isThere) return uptimeMs();
    await sleep(3);
  }
}
