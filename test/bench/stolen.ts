import { readFile } from 'node:fs/promises';

/**
 * Which part of the processor time that this machine wanted since this was called another machine on the same host got
 * instead (proc(5), "steal"), from 0 to 1. A virtual machine that is robbed measures its neighbours.
 */
export async function stolenSince(): Promise<() => Promise<number>> {
  const before = await processorTicks();
  return async () => {
    const after = await processorTicks();
    const stolen = after.stolen - before.stolen;
    const wanted = stolen + after.used - before.used;
    return wanted === 0 ? 0 : stolen / wanted;
  };
}

async function processorTicks(): Promise<{ readonly used: number; readonly stolen: number }> {
  const [first = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
  // What guests used is counted as the user's already.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] = first
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { used: user + nice + system + irq + softirq, stolen };
}
