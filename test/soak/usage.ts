import { readdir, readFile } from 'node:fs/promises';

/** What a process has at a moment. */
export interface Usage {
  /** Since the traffic began. */
  readonly seconds: number;
  /** Resident, of the process alone. */
  readonly memoryBytes: number;
  readonly descriptors: number;
  /** All that runs below it. */
  readonly processes: number;
}

/** Reads it from Linux (proc(5)). @throws Error when there is no such process */
export async function usageOf(pid: number, seconds: number): Promise<Usage> {
  const [status, files, processes] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'latin1'),
    readdir(`/proc/${pid}/fd`),
    processesBelow(pid),
  ]);
  const memoryBytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  return { seconds, memoryBytes, descriptors: files.length, processes };
}

async function processesBelow(root: number): Promise<number> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // One that has ended since has no file any more.
    const stat = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    if (stat !== '') parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow).length;
}
