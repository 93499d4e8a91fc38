import { execa } from 'execa';
import { launched } from './launch.ts';
import { execution, logTail, ProcessError, processErrorOf, type RunOptions } from './process.ts';

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
