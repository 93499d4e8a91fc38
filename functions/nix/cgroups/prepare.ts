import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cgroups, ProcessLimits } from '../cgroup.ts';
import type { CgroupFolder } from './folders.ts';

/** Control groups cannot be made here, for a reason that is in the message. */
export class CgroupError extends Error {
  readonly code = 'CGROUP';
  override readonly name = 'CgroupError';
}

/** Of this program's groups, in the server's own one; behind it stands the process that made them. */
const PREFIX = 'nixery-run-';
/** Where version 2 wants the server itself: a group with limits below it may have no process of its own. */
const SERVER = 'nixery-server';
/** The groups of groups that this process made. */
const OWN = new Set<string>();
const KILL_ATTEMPTS = 50;
const KILL_EVERY_MS = 20;
/** Of all builds together, beside the server's 1024 (100 in version 2): what a niceness of 10 gets beside one of 0 (sched(7)). */
const SHARES = '110';
const WEIGHT = '11';

/**
 * Prepares control groups below the server's own, and ends what servers before this one left in theirs.
 *
 * @param folders see `cgroupFolders`
 * @throws CgroupError where the number of processes cannot be bounded
 */
export async function prepareCgroups(folders: readonly CgroupFolder[], limits: ProcessLimits): Promise<Cgroups> {
  const usable: { readonly base: string; readonly controllers: readonly string[]; readonly version: 1 | 2 }[] = [];
  const problems: string[] = [];
  const own = `${PREFIX}${process.pid}.${randomBytes(4).toString('hex')}`;
  OWN.add(own);
  for (const folder of folders) {
    let base: string | undefined;
    try {
      const parent = folder.version === 2 ? await freeOfProcesses(folder.path) : folder.path;
      await endLeftOvers(parent);
      await mkdir(join(parent, own));
      base = join(parent, own);
      if (folder.version === 2) await switchOn(base, folder.controllers);
      if (folder.controllers.includes('cpu')) {
        await (folder.version === 2
          ? writeFile(join(base, 'cpu.weight'), WEIGHT)
          : writeFile(join(base, 'cpu.shares'), SHARES));
      }
      // What cannot be set at all is known at the start, not at the first build.
      const probe = join(base, 'probe');
      await mkdir(probe);
      await bound(probe, folder, limits);
      await rmdir(probe);
      usable.push({ ...folder, base });
    } catch (error) {
      if (base !== undefined) await endBelow(base);
      problems.push((error as Error).message);
    }
  }
  const controllers = usable.flatMap((one) => one.controllers);
  if (!controllers.includes('pids')) {
    throw new CgroupError(problems.join('; ') || 'the kernel has no control groups of processes here');
  }
  let count = 0;
  return {
    bounds: [
      'processes',
      ...(controllers.includes('memory') && limits.memoryBytes !== undefined ? ['memory'] : []),
      ...(controllers.includes('cpu') ? ['processor'] : []),
    ],
    async create() {
      const name = String(count++);
      const paths = usable.map(({ base }) => join(base, name));
      const remove = async () => {
        for (const path of paths) await endGroup(path);
      };
      try {
        for (const [index, folder] of usable.entries()) {
          const path = paths[index] ?? '';
          await mkdir(path);
          await bound(path, folder, limits);
        }
      } catch (error) {
        await remove();
        throw error;
      }
      return { files: paths.map((path) => join(path, 'cgroup.procs')), remove };
    },
    async close() {
      for (const { base } of usable) await endBelow(base);
    },
  };
}

async function bound(path: string, folder: Pick<CgroupFolder, 'version' | 'controllers'>, limits: ProcessLimits) {
  const { version, controllers } = folder;
  const set = (file: string, value: string) => writeFile(join(path, file), value);
  if (controllers.includes('pids')) await set('pids.max', String(limits.processes));
  if (controllers.includes('memory') && limits.memoryBytes !== undefined) {
    await set(version === 2 ? 'memory.max' : 'memory.limit_in_bytes', String(limits.memoryBytes));
  }
}

/** @returns the group that holds the server's, which has no process of its own */
async function freeOfProcesses(own: string): Promise<string> {
  if (own.endsWith(`/${SERVER}`)) return dirname(own);
  // The machine's own root may have processes.
  if (existsSync(join(own, 'cgroup.events'))) {
    await mkdir(join(own, SERVER), { recursive: true });
    for (const pid of await processesIn(own)) await writeFile(join(own, SERVER, 'cgroup.procs'), pid);
  }
  await switchOn(own, (await readFile(join(own, 'cgroup.controllers'), 'utf8')).trim().split(' '));
  return own;
}

async function switchOn(path: string, controllers: readonly string[]): Promise<void> {
  const wanted = controllers.filter((one) => ['pids', 'memory', 'cpu'].includes(one));
  await writeFile(join(path, 'cgroup.subtree_control'), wanted.map((one) => `+${one}`).join(' '));
}

/** Groups of servers that were killed, and the builders in them. */
async function endLeftOvers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX) || OWN.has(name)) continue;
    if (await isAlive(name.slice(PREFIX.length).split('.')[0] ?? '')) continue;
    await endBelow(join(parent, name));
  }
}

/** Ends a group and those in it. */
async function endBelow(path: string): Promise<void> {
  // Somebody else may have ended it.
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const one of entries) {
    if (one.isDirectory()) await endGroup(join(path, one.name));
  }
  await endGroup(path);
}

async function isAlive(pid: string): Promise<boolean> {
  // Its own groups of another life: a container's server has the same number each time.
  if (pid === String(process.pid)) return false;
  return readFile(`/proc/${pid}/stat`).then(
    () => true,
    () => false,
  );
}

async function endGroup(path: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    for (const pid of await processesIn(path)) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has ended since.
      }
    }
    try {
      await rmdir(path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      if (attempt >= KILL_ATTEMPTS) throw error;
      // What forks is faster than one look: it may fork no more.
      await writeFile(join(path, 'pids.max'), '0').catch(() => undefined); // Another controller's folder.
      await sleep(KILL_EVERY_MS);
    }
  }
}

async function processesIn(path: string): Promise<string[]> {
  const listed = await readFile(join(path, 'cgroup.procs'), 'utf8').catch(() => ''); // It is gone, or threaded.
  // 0 is one that this process cannot see. To kill would mean itself.
  return listed.split('\n').filter((pid) => pid !== '' && pid !== '0');
}
