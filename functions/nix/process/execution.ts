import { ExecaError } from 'execa';
import { type LogTail, ProcessError, type ProcessFailure } from '../process-error.ts';
import { LAUNCH_NOT_FOUND } from './launch.ts';

/** Between SIGTERM and SIGKILL: Nix ends its builders and unlocks their outputs. */
const KILL_DELAY_MS = 5_000;

/** What holds for every program that is started. */
export function execution({
  env,
  timeoutMs,
  signal,
}: {
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}) {
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

function failureOf(error: Pick<ExecaError, 'isCanceled' | 'timedOut' | 'isMaxBuffer' | 'exitCode'>): ProcessFailure {
  if (error.isCanceled) return 'aborted';
  if (error.timedOut) return 'timeout';
  if (error.isMaxBuffer) return 'output-too-long';
  return error.exitCode === LAUNCH_NOT_FOUND ? 'not-found' : 'exit';
}
