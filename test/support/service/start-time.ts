import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
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
  while (!(await answers(`http://127.0.0.1:${port}`))) {
    if (child.exitCode !== null) throw new Error('the process ended before it answered');
    await sleep(LOOK_EVERY_MS);
  }
  const wallMs = performance.now() - startedMs;
  const processorMs = await processorTimeMs(child);
  await untilIdle(child);
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

/** proc(5), `schedstat`: the time that a thread has been on a processor, in nanoseconds. */
async function processorTimeMs({ pid }: Pick<ChildProcess, 'pid'>): Promise<number> {
  const tasks = `/proc/${String(pid)}/task`;
  const times = (await readdir(tasks)).map(async (id) => {
    try {
      return Number((await readFile(`${tasks}/${id}/schedstat`, 'latin1')).split(' ')[0]);
    } catch {
      return 0; // A thread that has ended meanwhile.
    }
  });
  return (await Promise.all(times)).reduce((sum, one) => sum + one, 0) / 1e6;
}

/** So that what it compiles after its first answer is kept as well. */
async function untilIdle(child: ChildProcess): Promise<void> {
  for (let before = -1, now = 0; now - before > 5;) {
    before = now;
    await sleep(200);
    now = await processorTimeMs(child);
  }
}
