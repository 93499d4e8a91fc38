import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DockerEngine } from '../clients/docker-engine.ts';
import { request } from '../http/request.ts';

/** The service in a container, as Cloud Run runs it. */
export interface ServiceContainer extends AsyncDisposable {
  readonly id: string;
  readonly host: string;
  readonly origin: string;
  /** What it has logged, one object a line. */
  log(): Promise<Record<string, unknown>[]>;
  /** Runs a command in it. */
  exec(...command: readonly string[]): Promise<string>;
  /** Ends it with SIGTERM and gives its exit code: 0 where it ends by itself, as it has to. */
  stop(): Promise<number>;
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
  // One that is free in the machine's network, which is the container's own as well.
  const variables = Object.entries({ ...env, PORT: '0' }).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const volumes = Object.entries(mounts).flatMap(([here, there]) => ['--volume', `${here}:${there}:ro`]);
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
  const log = async () => {
    const lines = (await logs()).split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  let isOver = false;
  const ended = engine.docker('wait', id).then(async () => {
    isOver = true;
    throw new Error(`the container ended:\n${await logs()}`);
  });
  ended.catch(() => undefined); // Met below while it starts; afterwards it ends when it should.
  const listening = async (): Promise<unknown> => {
    for (;;) {
      const ready = (await log()).find(({ message }) => message === 'ready');
      if (ready !== undefined || isOver) return ready?.['port'];
      await sleep(50);
    }
  };
  const host = `127.0.0.1:${String(await Promise.race([listening(), ended]))}`;
  const origin = `http://${host}`;
  for (;;) {
    const { status, body } = await request(origin, 'GET', '/ready');
    if (status === 200) break;
    assert.equal(status, 503, body.toString());
    await sleep(50);
  }

  return {
    id,
    host,
    origin,
    log,
    exec: (...command) => engine.docker('exec', id, ...command),
    async stop() {
      await engine.docker('kill', '--signal=TERM', id);
      return Number(await engine.docker('wait', id));
    },
    async kill() {
      await engine.docker('rm', '--force', id);
    },
    async [Symbol.asyncDispose]() {
      await engine.docker('rm', '--force', id);
    },
  };
}
