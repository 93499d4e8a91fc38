import { readFile } from 'node:fs/promises';
import type { NixSettings } from '../config/nix-settings.ts';
import type { Log } from '../log.ts';
import { orWithout } from '../nix/cgroups/fallback.ts';
import { cgroupFolders } from '../nix/cgroups/folders.ts';
import { type Cgroups, prepareCgroups } from '../nix/cgroups/prepare.ts';

/** Control groups for Nix's processes; undefined where the system does not let this program make any, which is logged. */
export async function composeCgroups(nix: NixSettings, log: Log): Promise<Cgroups | undefined> {
  const instead =
    nix.user === undefined ? 'by nothing but time' : 'in number by what their user may have, in memory by nothing';
  try {
    const [self, mounts] = await Promise.all(
      ['/proc/self/cgroup', '/proc/self/mountinfo'].map((file) => readFile(file, 'utf8')),
    );
    const cgroups = await prepareCgroups(cgroupFolders(self ?? '', mounts ?? ''), nix.processLimits);
    return orWithout(cgroups, (reason) => {
      log.warn({ err: reason }, `no control group can be made any more: builds' processes are bounded ${instead}`);
    });
  } catch (error) {
    log.warn({ reason: (error as Error).message }, `no control groups here: builds' processes are bounded ${instead}`);
    return undefined;
  }
}
