import { readFile } from 'node:fs/promises';
import type { Cgroups, ProcessLimits } from '../cgroup.ts';
import { orWithout } from './fallback.ts';
import { cgroupFolders } from './folders.ts';
import { prepareCgroups } from './prepare.ts';

/**
 * Control groups below this process's own ones. Where none can be made any more, calls go on without.
 *
 * @param lost gets why, when that begins
 * @throws CgroupError, Error of the file system where none can be made at all
 */
export async function ownCgroups(limits: ProcessLimits, lost: (reason: unknown) => void): Promise<Cgroups> {
  const [self, mounts] = await Promise.all([
    readFile('/proc/self/cgroup', 'utf8'),
    readFile('/proc/self/mountinfo', 'utf8'),
  ]);
  return orWithout(await prepareCgroups(cgroupFolders(self, mounts), limits), lost);
}
