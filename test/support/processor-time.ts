import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Processor time that the threads of a process have had, in milliseconds: what else the machine does moves it little. proc(5),
 * `schedstat`: the time that a thread has been on a processor, in nanoseconds.
 */
export async function processorTimeMs(pid: number): Promise<number> {
  const tasks = `/proc/${pid}/task`;
  const times = (await readdir(tasks)).map(async (id) => {
    try {
      return Number((await readFile(`${tasks}/${id}/schedstat`, 'latin1')).split(' ')[0]);
    } catch {
      return 0; // A thread that has ended meanwhile.
    }
  });
  return (await Promise.all(times)).reduce((sum, one) => sum + one, 0) / 1e6;
}

/** Waits until a process does next to nothing: what it compiles after its first answer is kept, what it does ahead is done. */
export async function untilIdle(pid: number): Promise<void> {
  for (let before = -1, now = 0; now - before > 5;) {
    before = now;
    await sleep(200);
    now = await processorTimeMs(pid);
  }
}
