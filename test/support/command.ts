import { execa } from 'execa';

/**
 * Runs a program and gives what it prints to both pipes, so that a test can look for either.
 *
 * @throws Error with its output when it fails
 */
export async function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { all, failed } = await execa(command, args, { all: true, stdin: 'ignore', env, reject: false });
  if (failed) throw new Error(`${command} ${args.join(' ')}\n${all}`);
  return all;
}

/** Whether a program ends with 0. */
export async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  const { exitCode } = await execa(command, args, { reject: false, stdin: 'ignore' });
  return exitCode === 0;
}
