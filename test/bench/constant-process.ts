import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, projectFolder } from '../support/service/registry-process.ts';

/** A server that answers a constant, through the same framework as the registry. */
export interface ConstantProcess extends AsyncDisposable {
  readonly origin: string;
}

export async function startConstant(bodyBytes: number): Promise<ConstantProcess> {
  const port = await freePort();
  const framework = `${projectFolder}node_modules/@google-cloud/functions-framework/build/src/main.js`;
  const source = `${projectFolder}test/bench/constant.ts`;
  const child = spawn(process.execPath, [framework, '--target=constant', `--source=${source}`, '--ignored-routes='], {
    env: { NODE_ENV: 'production', PORT: String(port), BODY_BYTES: String(bodyBytes) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const origin = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(origin).then(
      (answer) => answer.arrayBuffer().then(() => true),
      () => false, // It does not listen yet.
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`the constant server ended with ${child.exitCode}`);
    await sleep(5);
  }
  return {
    origin,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
