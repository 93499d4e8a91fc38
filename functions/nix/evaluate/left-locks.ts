import type { Nix, NixCall } from '../nix.ts';
import { run } from '../process/process.ts';
import { ProcessError } from '../process-error.ts';

/** What git says of a lock in one of Nix's own repositories (`gitv3` in Nix 2.8 to 2.30) that another git holds, or held. */
const LOCKED = /Unable to create '[^']*\/gitv\d+\/[^']*\.lock': File exists/;

/** Did an evaluation fail since a git that was killed has left a lock behind? Nix itself never has two at once in there. */
export function isLeftLocked(error: unknown): boolean {
  return error instanceof ProcessError && error.failure === 'exit' && error.logTail.some((line) => LOCKED.test(line));
}

/** A minute at most for all of them, which is for one that is fetched meanwhile. */
const TIMEOUT_MS = 60_000;

/**
 * `<repository>.lock.lock` is what Nix holds while git runs in a repository (`PathLocks` in libfetchers/git.cc): who has it
 * knows that nobody else's git is in there.
 */
const CLEAR = `
for folder in "$1"/gitv*/*/; do
  repository=\${folder%/}
  exec 9>"$repository.lock.lock"
  flock 9
  find "$repository" -type f -name '*.lock' -delete
done
`;

/** Removes the locks that dead processes have left in Nix's own repositories. */
export async function clearLeftLocks(nix: Nix, { signal }: Pick<NixCall, 'signal'>): Promise<void> {
  const { XDG_CACHE_HOME: cache, HOME: home = '' } = nix.environment;
  const args = ['-ec', CLEAR, 'sh', `${cache ?? `${home}/.cache`}/nix`];
  await run('sh', args, { env: nix.environment, user: nix.user, timeoutMs: TIMEOUT_MS, signal });
}
