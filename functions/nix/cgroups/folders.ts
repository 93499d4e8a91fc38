/** Where this process's control group is, of one or more controllers. */
export interface CgroupFolder {
  readonly version: 1 | 2;
  /** `pids`, `memory` and `cpu`, as far as the folder has them; in version 2 they have to be switched on. */
  readonly controllers: readonly string[];
  readonly path: string;
}

/** What bounds processes here. */
const CONTROLLERS = ['pids', 'memory', 'cpu'];

/**
 * The folders of this process's control groups, from what the kernel says of them: one of each hierarchy, wherever and
 * however often that is mounted. Pure.
 *
 * @param self the content of `/proc/self/cgroup`
 * @param mounts the content of `/proc/self/mountinfo`
 * @see cgroups(7), proc_pid_mountinfo(5)
 */
export function cgroupFolders(self: string, mounts: string): CgroupFolder[] {
  const own = new Map(
    self
      .split('\n')
      .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
      .filter((match) => match !== null)
      .map(([, names = '', path = '']) => [names, path]),
  );
  const hierarchies = new Map<string, { readonly rank: number; readonly folder: CgroupFolder }>();
  for (const line of mounts.split('\n')) {
    const fields = line.split(' ');
    const [root = '', point = '', mountOptions = ''] = fields.slice(3, 6);
    const [type, , options = ''] = fields.slice(fields.indexOf('-') + 1);
    const version = type === 'cgroup2' ? 2 : 1;
    if (version === 1 && type !== 'cgroup') continue;
    const names = options.split(',');
    const found = [...own].find(([key]) =>
      version === 2 ? key === '' : key !== '' && key.split(',').every((one) => names.includes(one)),
    );
    if (found === undefined) continue;
    const controllers = CONTROLLERS.filter((one) => version === 2 || found[0].split(',').includes(one));
    if (controllers.length === 0) continue;
    // In version 2 processes have to be moved for it, and only in a container are all of them this program's own.
    if (version === 2 && !/^\/(?:nixery-server)?$/.test(found[1])) continue;
    const isBelow = root === '/' || found[1] === root || found[1].startsWith(`${root}/`);
    const below = isBelow ? found[1].slice(root === '/' ? 0 : root.length) : found[1];
    const path = `${unescaped(point)}${below === '/' ? '' : below}`;
    // Of one that is mounted again, as a bound /sys has it, what shows this process's group and can be written is taken.
    const rank = (isBelow ? 2 : 0) + (mountOptions.split(',').includes('rw') ? 1 : 0);
    const known = hierarchies.get(found[0]);
    if (known === undefined || rank > known.rank) {
      hierarchies.set(found[0], { rank, folder: { version, controllers, path } });
    }
  }
  return [...hierarchies.values()].map(({ folder }) => folder);
}

/** White space and backslashes are in octal there. */
function unescaped(point: string): string {
  return point.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
