/** Another user of this machine that a process runs as. */
export interface ProcessUser {
  readonly name: string;
  readonly group: string;
}

/**
 * A command as another user, for good: without groups, capabilities, or a way to gain any, setuid programs included. This
 * process must be root, with CAP_SETUID, CAP_SETGID and CAP_SETPCAP. When memory runs out, the kernel ends the command
 * before anything that did not ask for this.
 *
 * @see setpriv(1) and choom(1) of util-linux
 */
export function asUser({ name, group }: ProcessUser, command: string, args: readonly string[]): [string, string[]] {
  const first = ['--adjust', '1000', '--'];
  const drop = ['--clear-groups', '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'];
  return ['choom', [...first, 'setpriv', `--reuid=${name}`, `--regid=${group}`, ...drop, '--', command, ...args]];
}
