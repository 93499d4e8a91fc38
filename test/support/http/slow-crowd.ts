import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { projectFolder } from '../service/registry-process.ts';

/** Clients that send a byte a second, from a process of their own. */
export interface SlowCrowd {
  /** Once all are gone: how many the registry has sent away, and how many were told something else than 408. */
  gone(): Promise<{ readonly sentAway: number; readonly answered: number }>;
}

/** Starts so many, and waits until all are connected. */
export async function startCrowd(origin: string, connections: number): Promise<SlowCrowd> {
  const { port } = new URL(origin);
  const crowd = spawn(
    process.execPath,
    [`${projectFolder}test/support/http/slow-crowd-child.ts`, port, String(connections)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(crowd, 'close');
  let said = '';
  await new Promise<void>((resolve, reject) => {
    createInterface(crowd.stdout).on('line', (line) => {
      if (line === 'connected') resolve();
      else said = line;
    });
    ended.then(() => {
      reject(new Error('the crowd left before it was whole'));
    }, reject);
  });
  return {
    async gone() {
      await ended;
      const [, sentAway, answered] = /^left (\d+) (\d+)$/.exec(said) ?? [];
      return { sentAway: Number(sentAway), answered: Number(answered) };
    },
  };
}
