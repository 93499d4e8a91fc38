import type { GitLogin } from './login.ts';
import { gitEnvironment } from './login.ts';
import type { ProcessUser } from '../process-user.ts';
import { run } from '../process/process.ts';
import { ProcessError } from '../process-error.ts';
import { SourceError } from '../source.ts';

export interface GitOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** Who git runs as; this process's own user when absent. */
  readonly user?: ProcessUser | undefined;
  /** Where repositories without files may be kept, to look up commits. */
  readonly cacheFolder: string;
}

/** Runs git, or a script that does, with the remote as `origin`; gives what it prints. */
export interface GitCommand {
  /** @throws SourceError when it does not end well, whatever the reason */
  (command: string, args: readonly string[], options: GitRun): Promise<string>;
}

export interface GitRun {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** How long a script waits for its folder while another process has it, in seconds. */
const TAKEN_SECONDS = 60;

/**
 * How scripts begin that work in a folder of repositories. `$1`, which is taken off, is the folder's name; it is this
 * script's alone until its end, however that comes, also on behalf of other processes. What others left there when they were
 * killed is in nobody's use then. Git that talks to the remote does not inherit the lock, since what it starts may stay, as
 * credential caches do, and dies with the script.
 */
export const IN_OWN_FOLDER = `
folder=$1; shift
mkdir -p "\${folder%/*}"
exec 9>"$folder.lock"
flock --timeout ${TAKEN_SECONDS} 9 || { echo 'another process asks it, and has not come to an end' >&2; exit 1; }
export GIT_DIR="$folder"
open() {
  mkdir -p "$folder" && cd "$folder" &&
    find . -type f '(' -name '*.lock' -o -path './objects/*' -name 'tmp_*' ')' -delete &&
    git init --quiet --bare .
}
remote() { setpriv --pdeathsig KILL git "$@" 9>&-; }
`;

/** Slower than this for half a minute, a remote does not answer. */
const SLOWEST = [
  ['http.lowSpeedLimit', '100'],
  ['http.lowSpeedTime', '30'],
] as const;

export function gitCommand(login: GitLogin, { environment, user }: GitOptions): GitCommand {
  const { url } = login;
  const settings = [
    ['remote.origin.url', url],
    ...SLOWEST,
    // What goes on behind a command's end would be in the way of the next.
    ['gc.autoDetach', 'false'],
    ['fetch.writeCommitGraph', 'true'],
  ] as const;
  const env = { ...environment, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', ...gitEnvironment(login, settings) };

  return async (command, args, { timeoutMs, signal }) => {
    try {
      return await run(command, args, { env, user, timeoutMs, signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(url, error);
    }
  };
}

function unreachable(url: string, error: unknown): SourceError {
  const said = error instanceof ProcessError && error.failure === 'exit' ? error.logTail.slice(-3).join(' ') : '';
  const why = said || (error instanceof Error ? error.message : String(error));
  return new SourceError(`the package source ${url} does not answer: ${why}`, { cause: error });
}
