import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { processorTimeMs, untilIdle } from '../processor-time.ts';
import { freePort } from './registry-process.ts';
import { request } from '../http/request.ts';

/** What a process took from its start to its first answer. */
export interface StartTime {
  readonly wallMs: number;
  /** Processor time of all its threads: what else the machine does moves it little. */
  readonly processorMs: number;
}

/** How often a client asks that waits for the first answer. */
const LOOK_EVERY_MS = 2;

/**
 * Starts Node, waits for its first answer on `/v2/`, and ends it with SIGTERM.
 *
 * @param args of Node, for a port
 */
export async function timeStart(
  args: (port: number) => readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<StartTime> {
  const port = await freePort();
  const startedMs = performance.now();
  const child = spawn(process.execPath, args(port), {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: String(port), ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  const pid = child.pid ?? 0;
  while (!(await answers(`http://127.0.0.1:${port}`))) {
    if (child.exitCode !== null) throw new Error('the process ended before it answered');
    await sleep(LOOK_EVERY_MS);
  }
  const wallMs = performance.now() - startedMs;
  const processorMs = await processorTimeMs(pid);
  await untilIdle(pid);
  child.kill('SIGTERM');
  await ended;
  return { wallMs, processorMs };
}

function answers(origin: string): Promise<boolean> {
  return request(origin, 'GET', '/v2/').then(
    ({ status }) => status === 200,
    () => false, // Nobody listens yet.
  );
}
