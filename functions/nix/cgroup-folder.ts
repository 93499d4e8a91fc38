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
 * The folders of this process's control groups, from what the kernel says of them. Pure.
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
  return mounts.split('\n').flatMap((line): CgroupFolder[] => {
    const fields = line.split(' ');
    const [root = '', point = ''] = fields.slice(3, 5);
    const [type, , options = ''] = fields.slice(fields.indexOf('-') + 1);
    const version = type === 'cgroup2' ? 2 : 1;
    if (version === 1 && type !== 'cgroup') return [];
    const names = options.split(',');
    const found = [...own].find(([key]) =>
      version === 2 ? key === '' : key !== '' && key.split(',').every((one) => names.includes(one)),
    );
    if (found === undefined) return [];
    const controllers = CONTROLLERS.filter((one) => version === 2 || found[0].split(',').includes(one));
    if (controllers.length === 0) return [];
    // In version 2 processes have to be moved for it, and only in a container are all of them this program's own.
    if (version === 2 && !/^\/(?:nixery-server)?$/.test(found[1])) return [];
    const below = found[1].startsWith(root) ? found[1].slice(root === '/' ? 0 : root.length) : found[1];
    return [{ version, controllers, path: `${point}${below === '/' ? '' : below}` }];
  });
}
