import { execa } from 'execa';
import type { Cgroups } from '../cgroup.ts';
import { paced } from './pace.ts';
import { execution, processErrorOf } from './execution.ts';
import { launched } from './launch.ts';
import { logTail, ProcessError } from '../process-error.ts';
import type { ProcessUser } from '../process-user.ts';

/** No evaluation that is asked for prints as much. */
const MAX_STDOUT_BYTES = 256 * 1024 * 1024;

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

/** A program that is talked to: bytes go in and bytes come out. */
export interface Conversation {
  write(bytes: Buffer): void;
  /**
   * The next bytes that it prints, as many as asked for.
   *
   * @throws ProcessError when it ends before
   */
  read(bytes: number): Promise<Buffer>;
  /** Whether it can answer no more. */
  hasEnded(): boolean;
  /** Says no more, and resolves when the program has ended, however. */
  close(): Promise<void>;
}

/** Starts a program to talk with. It is drained and ended as {@link run} says; who starts it closes it. */
export function converse(
  command: string,
  args: readonly string[],
  options: Omit<RunOptions, 'cgroups' | 'onStderr'>,
): Conversation {
  const tail = logTail();
  const [file, fileArgs] = launched(command, args, options);
  const subprocess = execa(file, fileArgs, {
    ...execution(options),
    stdin: 'pipe',
    buffer: false,
    encoding: 'buffer',
  });
  const { stdin, stdout, stderr } = subprocess;
  stderr.on('data', tail.add);
  // That it reads no more its end says.
  stdin.on('error', () => undefined);
  let hasEnded = false;
  const ended = subprocess.then(
    () => {
      hasEnded = true;
    },
    (error: unknown) => {
      hasEnded = true;
      throw processErrorOf(error, command, tail);
    },
  );
  // Met by who reads; of one that is closed nobody asks how it ended.
  ended.catch(() => undefined);

  const printed = stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let held: Buffer = Buffer.alloc(0);
  return {
    write(bytes) {
      stdin.write(bytes);
    },
    async read(bytes) {
      const parts = [held];
      for (let length = held.length; length < bytes;) {
        const next = await printed.next();
        if (next.done) {
          await ended;
          throw new ProcessError('exit', command, tail.lines());
        }
        parts.push(next.value);
        length += next.value.length;
      }
      const all = parts.length === 1 ? held : Buffer.concat(parts);
      held = all.subarray(bytes);
      return all.subarray(0, bytes);
    },
    hasEnded: () => hasEnded,
    async close() {
      stdin.end();
      await printed.return?.();
      await ended.catch(() => undefined);
    },
  };
}
