import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/service/registry-process.ts';

/** Debian's `docker-registry` over a folder: it holds what was pushed to it. */
export interface StaticRegistry extends AsyncDisposable {
  readonly host: string;
}

const START_TIMEOUT_MS = 10_000;

export async function startStaticRegistry(folder: string): Promise<StaticRegistry> {
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(folder, 'config.yml');
  const settings = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: host },
  };
  // JSON is YAML.
  await writeFile(config, JSON.stringify(settings));
  // It calls a blob that it does not have yet an error: what it says is read when it does not start.
  const said = join(folder, 'registry.log');
  const log = await open(said, 'w');
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', log.fd] });
  await log.close();
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  while (
    !(await fetch(`http://${host}/v2/`).then(
      ({ ok }) => ok,
      () => false, // It does not listen yet.
    ))
  ) {
    if (child.exitCode !== null || Date.now() > deadlineMs)
      throw new Error(`docker-registry does not start: ${await readFile(said, 'utf8')}`);
    await sleep(20);
  }
  return {
    host,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}
