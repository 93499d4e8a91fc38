import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';

/** Where a program that runs in a namespace has memory for what it writes; others see an empty folder. */
export const MEMORY = '/run/nixery-sample';

/** Set for the program in the namespace. */
const WITHIN = 'NIXERY_SAMPLE_WITHIN';

/**
 * Starts this process's program again in namespaces of its own for mounts and processes, with {@link MEMORY} for temporary
 * files, and waits for it: however either ends, all that it started ends with it, and what it mounted is gone. Needs root.
 *
 * @returns true in the program that runs there; false in the one that has waited for it and has its exit code
 * @see unshare(1), and PR_SET_PDEATHSIG in prctl(2)
 */
export async function runsInNamespace(): Promise<boolean> {
  if (process.env[WITHIN] !== undefined) return true;
  mkdirSync(MEMORY, { recursive: true });
  const within = [
    ...['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'],
    ...['sh', '-ec', `mount -t tmpfs -o size=12g tmpfs ${MEMORY}; exec "$@"`, 'sh'],
    ...[process.execPath, ...process.argv.slice(1)],
  ];
  const program = spawn('setpriv', ['--pdeathsig', 'KILL', ...within], {
    env: { ...process.env, [WITHIN]: '1', TMPDIR: MEMORY },
    stdio: 'inherit',
  });
  // The first process of a namespace is not ended by a signal that it does not wait for, but by this one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => program.kill('SIGKILL'));
  const [code] = (await once(program, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
  return false;
}
