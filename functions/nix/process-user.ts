/** Another user of this machine that a process runs as. */
export interface ProcessUser {
  readonly name: string;
  readonly group: string;
  /** Processes that it may have on this machine; without limit when absent. */
  readonly maxProcesses?: number | undefined;
}

/**
 * A command as another user, for good: without groups, capabilities, or a way to gain any, setuid programs included. This
 * process must be root, with CAP_SETUID, CAP_SETGID and CAP_SETPCAP. When memory runs out, the kernel ends the command
 * before anything that did not ask for this, and it ends the command when this process ends.
 *
 * @see setpriv(1), prlimit(1) and choom(1) of util-linux
 */
export function asUser(user: ProcessUser, command: string, args: readonly string[]): string[] {
  const { name, group, maxProcesses } = user;
  const first = ['choom', '--adjust', '1000', '--'];
  const few = maxProcesses === undefined ? [] : ['prlimit', `--nproc=${maxProcesses}`, '--'];
  const drop = ['--clear-groups', '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'];
  const setpriv = ['setpriv', `--reuid=${name}`, `--regid=${group}`, ...drop, '--pdeathsig', 'KILL', '--'];
  return [...first, ...few, ...setpriv, command, ...args];
}
