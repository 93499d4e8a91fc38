import type { Cgroup, Cgroups } from '../cgroup.ts';

/** Of a call that is held in no group of its own. */
const NONE: Cgroup = { files: [], remove: () => Promise.resolve() };

/**
 * Control groups, or none for a call for which the system makes none: what can be built is built all the same.
 *
 * @param told gets why, once until one can be made again
 */
export function orWithout(cgroups: Cgroups, told: (reason: unknown) => void): Cgroups {
  let isTold = false;
  return {
    ...cgroups,
    async create() {
      try {
        const made = await cgroups.create();
        isTold = false;
        return made;
      } catch (error) {
        if (!isTold) told(error);
        isTold = true;
        return NONE;
      }
    },
  };
}
