import type { NixSettings } from '../config/nix-settings.ts';
import type { Log } from '../log.ts';
import { ownCgroups } from '../nix/cgroups/cgroups.ts';
import type { Cgroups } from '../nix/cgroup.ts';

/** Control groups for Nix's processes; undefined where the system does not let this program make any, which is logged. */
export async function composeCgroups(nix: NixSettings, log: Log): Promise<Cgroups | undefined> {
  const instead =
    nix.user === undefined ? 'by nothing but time' : 'in number by what their user may have, in memory by nothing';
  try {
    return await ownCgroups(nix.processLimits, (reason) => {
      log.warn({ err: reason }, `no control group can be made any more: builds' processes are bounded ${instead}`);
    });
  } catch (error) {
    log.warn({ reason: (error as Error).message }, `no control groups here: builds' processes are bounded ${instead}`);
    return undefined;
  }
}
