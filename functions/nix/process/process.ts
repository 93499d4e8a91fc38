import { execa, ExecaError } from 'execa';
import type { Cgroups } from '../cgroups/prepare.ts';
import { paced } from './pace.ts';
import { LAUNCH_NOT_FOUND, launched } from './launch.ts';
import type { ProcessUser } from '../process-user.ts';
import { withoutPasswords } from '../without-passwords.ts';

/** How a process ended when it did not end well. */
export type ProcessFailure = 'not-found' | 'exit' | 'timeout' | 'aborted' | 'output-too-long';

/** A program that was asked for something did not do it. */
export class ProcessError extends Error {
  readonly code = 'PROCESS';
  override readonly name = 'ProcessError';
  readonly failure: ProcessFailure;
  readonly command: string;
  /** The last lines of stderr, oldest first: at most {@link LOG_LINES} of at most {@link LOG_LINE_CHARACTERS} each. */
  readonly logTail: readonly string[];

  constructor(failure: ProcessFailure, command: string, logTail: readonly string[], cause?: unknown) {
    super(`${command}: ${EXPLANATION[failure]}${logTail.length > 0 ? `: ${logTail.at(-1) ?? ''}` : ''}`, { cause });
    this.failure = failure;
    this.command = command;
    this.logTail = logTail;
  }
}

const EXPLANATION: Record<ProcessFailure, string> = {
  'not-found': 'there is no such program',
  exit: 'failed',
  timeout: 'took too long',
  aborted: 'was stopped',
  'output-too-long': 'printed more than it may',
};

/** Lines of stderr that are kept for the error. */
export const LOG_LINES = 100;
const LOG_LINE_CHARACTERS = 1000;
/** No evaluation that is asked for prints as much. */
const MAX_STDOUT_BYTES = 256 * 1024 * 1024;
/** Between SIGTERM and SIGKILL: Nix ends its builders and unlocks their outputs. */
const KILL_DELAY_MS = 5_000;

export interface RunOptions {
  readonly env: Readonly<Record<string, string>>;
  /** How long it may take, in milliseconds. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Address space that it may take, in bytes; without limit when absent. */
  readonly memoryBytes?: number | undefined;
  /** Gets all of stderr, of which otherwise only the end is kept, for an error. */
  readonly onStderr?: ((chunk: Buffer) => void) | undefined;
  /** Who it runs as; this process's own user when absent. */
  readonly user?: ProcessUser | undefined;
  /** Where a group for it, and all that it starts, is made; in this process's own group when absent. */
  readonly cgroups?: Cgroups | undefined;
}

/** No build that does something prints as much; one that does nothing else would take a processor, and more of this one. */
const STDERR_PACE = { burstBytes: 4 * 1024 * 1024, bytesPerSecond: 1024 * 1024 };

/**
 * Runs a program to its end and gives what it printed. Both pipes are drained all the time, whatever it prints; what it
 * says of its work no faster than it can be meant for people. An
 * abort or a timeout ends its whole process group: SIGTERM first, SIGKILL five seconds later. What is left in its control
 * group at its end is ended as well, and it dies with this process.
 *
 * @throws ProcessError when it does not exit with 0
 */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const tail = logTail();
  const cgroup = await options.cgroups?.create();
  let removed: Promise<void> | undefined;
  try {
    const [file, fileArgs] = launched(command, args, { ...options, cgroup });
    const subprocess = execa(file, fileArgs, {
      ...execution(options),
      stdin: 'ignore',
      buffer: { stdout: true, stderr: false },
      maxBuffer: { stdout: MAX_STDOUT_BYTES },
    });
    // What it left behind may hold its pipes open.
    subprocess.nodeChildProcess.once('exit', () => {
      removed = remove();
    });
    subprocess.stderr.on('data', tail.add);
    paced(subprocess.stderr, STDERR_PACE);
    if (options.onStderr) subprocess.stderr.on('data', options.onStderr);
    const { stdout } = await subprocess;
    return stdout;
  } catch (error) {
    throw processErrorOf(error, command, tail);
  } finally {
    await (removed ?? remove());
  }

  /** A group that does not go away, since the kernel still frees its memory, is ended with the server's, or after it. */
  async function remove(): Promise<void> {
    await cgroup?.remove().catch(() => undefined);
  }
}

/** What holds for every program that is started. */
export function execution({ env, timeoutMs, signal }: Pick<RunOptions, 'env' | 'timeoutMs' | 'signal'>) {
  return {
    env: { ...env },
    extendEnv: false,
    killDescendants: true,
    forceKillAfterDelay: KILL_DELAY_MS,
    ...(timeoutMs !== undefined && { timeout: Math.max(1, Math.ceil(timeoutMs)) }),
    ...(signal && { cancelSignal: signal }),
  } as const;
}

/** What the library says of a program that did not end well, as a ProcessError; what is something else stays as it is. */
export function processErrorOf(error: unknown, command: string, tail: LogTail): unknown {
  if (!(error instanceof ExecaError)) return error;
  // The library's own error, and Node's, hold every argument, and a URL among them may have a password.
  const cause = error.cause instanceof Error ? new Error(error.cause.message) : undefined;
  return new ProcessError(failureOf(error), command, tail.lines(), cause);
}

export interface LogTail {
  readonly add: (chunk: Buffer) => void;
  readonly lines: () => string[];
}

/** Keeps the end of what is added, in bounded memory, however long its lines are. */
export function logTail(): LogTail {
  const limitBytes = LOG_LINES * LOG_LINE_CHARACTERS;
  let chunks: Buffer[] = [];
  let lengthBytes = 0;
  let isCut = false;
  return {
    add(chunk) {
      chunks.push(chunk);
      lengthBytes += chunk.length;
      if (lengthBytes < 2 * limitBytes) return;
      chunks = [Buffer.concat(chunks).subarray(-limitBytes)];
      lengthBytes = limitBytes;
      isCut = true;
    },
    lines() {
      const text = Buffer.concat(chunks).toString();
      // It may begin in the middle of a URL, and of the password in it.
      return (isCut ? text.replace(/^\S*@/, '…') : text)
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(-LOG_LINES)
        .map((line) => withoutPasswords(line).slice(0, LOG_LINE_CHARACTERS));
    },
  };
}

function failureOf(error: Pick<ExecaError, 'isCanceled' | 'timedOut' | 'isMaxBuffer' | 'exitCode'>): ProcessFailure {
  if (error.isCanceled) return 'aborted';
  if (error.timedOut) return 'timeout';
  if (error.isMaxBuffer) return 'output-too-long';
  return error.exitCode === LAUNCH_NOT_FOUND ? 'not-found' : 'exit';
}
