import type { Cgroup } from '../cgroup.ts';
import { asUser, type ProcessUser } from '../process-user.ts';

/** Where and within what a process runs. */
export interface LaunchOptions {
  /** Address space that it may take, in bytes; without limit when absent. */
  readonly memoryBytes?: number | undefined;
  /** Who it runs as; this process's own user when absent. */
  readonly user?: ProcessUser | undefined;
  /** Where it is held with all that it starts; in this process's own group when absent. */
  readonly cgroup?: Cgroup | undefined;
}

/** What a shell, setpriv, nice and choom end with when they do not find a program (POSIX, "Exit Status for Commands"). */
export const LAUNCH_NOT_FOUND = 127;

/** So that pulls of what is there do not wait for what is made: a tenth of what a process beside it gets (sched(7)). */
const NICENESS = '10';

/**
 * A command that starts another one, in its place: with less right to the processor than this process, within limits,
 * and to be killed when this process ends, however that ends.
 *
 * @see setpriv(1) of util-linux (2.33 or newer, `--pdeathsig`) and sched(7), "The autogroup feature"
 */
export function launched(command: string, args: readonly string[], options: LaunchOptions): [string, string[]] {
  const { memoryBytes, user, cgroup } = options;
  const files = cgroup?.files ?? [];
  const script = [
    ...files.map(() => 'echo 0 >"$1"; shift'),
    // Where there are autogroups, a niceness counts within a session alone, and each process here gets its own.
    `{ echo ${NICENESS} >/proc/self/autogroup; } 2>/dev/null || :`,
    ...(memoryBytes === undefined ? [] : ['ulimit -v "$1"; shift']),
    'exec "$@"',
  ];
  const limits = [...files, ...(memoryBytes === undefined ? [] : [String(Math.floor(memoryBytes / 1024))])];
  const dying = ['setpriv', '--pdeathsig', 'KILL'];
  const own: readonly string[] = user === undefined ? [...dying, '--', command, ...args] : asUser(user, command, args);
  return ['/bin/sh', ['-ec', script.join('\n'), 'sh', ...limits, 'nice', '-n', NICENESS, ...own]];
}
