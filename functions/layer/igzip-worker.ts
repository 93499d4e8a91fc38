import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Chunks, ThreadInput } from './compressor.ts';
import { CompressorError } from './compressor-error.ts';
import { type PipeInput, pipeInput } from './pipe-input.ts';
import { type PipeOutput, pipeOutput } from './pipe-output.ts';

/**
 * A shell that starts one compressor after the other, each between two named pipes. A large process should not start
 * them itself: it stands still meanwhile, and each of its pages is copied when it is next written to (15 ms and more in a
 * virtual machine, against 3 ms for a shell).
 *
 * It says `ready`, then `open` when the compressor has both pipes, then how the compressor ended. Its input ends when
 * this process ends, however that comes about: then it removes its folder and ends, too. A signal that is meant for all
 * processes of a terminal or a container does not keep it from that.
 */
const SCRIPT = `
cd "$1" || exit
trap 'cd / && rm -rf "$1"' EXIT
trap '' HUP INT PIPE TERM
mkfifo in out || exit
while echo ready && read -r line; do
  exec 3<in 4>out
  echo open
  (trap - PIPE; exec "$2" "$3" -n -c) <&3 >&4 3<&- 4>&-
  status=$?
  exec 3<&- 4>&-
  echo $status
done`;

const MAX_STDERR_CHARACTERS = 4_000;

/** Runs igzip when it is told to, once at a time. */
export interface IgzipWorker {
  /** False after a failure, and then the shell has ended. */
  readonly usable: boolean;

  /**
   * Makes one gzip member, of which each chunk is valid until the next is asked for. When the generator has returned or
   * thrown, igzip has ended.
   *
   * @throws CompressorError, the source's error, or the reason of the signal
   */
  compress(input: Chunks | ThreadInput, signal: AbortSignal | undefined): AsyncGenerator<Buffer, void, void>;
}

export async function startIgzipWorker(command: string, level: number): Promise<IgzipWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'nixery-igzip-'));
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'igzip-worker', folder, command, `-${level}`], { stdio: 'pipe' });
  const started = once(shell, 'spawn');
  const closed = new Promise<void>((resolve) => shell.once('close', resolve));
  // A shell that has ended is noticed by what it does not say.
  shell.stdin.on('error', () => undefined);
  let stderr = '';
  shell.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR_CHARACTERS);
  });
  const lines = createInterface({ input: shell.stdout })[Symbol.asyncIterator]();
  let usable = true;

  /** While idle, it does not keep this process from ending. */
  function hold(hold: boolean): void {
    for (const handle of [shell, shell.stdin, shell.stdout, shell.stderr] as unknown as Socket[]) {
      if (hold) handle.ref();
      else handle.unref();
    }
  }

  async function said(): Promise<string> {
    const { value, done } = await lines.next();
    if (done) throw new CompressorError(command, 'cannot be run: its shell ended', stderr);
    return value;
  }
  async function expect(word: string): Promise<void> {
    const line = await said();
    if (line !== word) throw new CompressorError(command, `cannot be run: its shell said ${line}`, stderr);
  }

  /** Both pipes, when igzip has them, too. */
  async function openPipes(input: Chunks | ThreadInput): Promise<{ input: PipeInput; output: PipeOutput }> {
    await expect('ready');
    const [inPath, outPath] = [join(folder, 'in'), join(folder, 'out')];
    const output = openSync(outPath, constants.O_RDONLY | constants.O_NONBLOCK);
    // The shell waits for a writer. Only when it has opened its end can one be had that notices when that is closed.
    const opener = openSync(inPath, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      shell.stdin.write('start\n');
      await expect('open');
      return { input: pipeInput(inPath, input), output: pipeOutput(output) };
    } catch (error) {
      closeSync(output);
      throw error;
    } finally {
      closeSync(opener);
    }
  }

  async function* compress(
    input: Chunks | ThreadInput,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Buffer, void, void> {
    hold(true);
    usable = false;
    const pipes = await openPipes(input).catch(async (error: unknown) => {
      await retire();
      throw error;
    });
    const stop = (): void => {
      pipes.input.stop();
      pipes.output.destroy();
    };
    signal?.addEventListener('abort', stop, { once: true });
    const fed = pipes.input.feed();
    const settled = Promise.allSettled([fed]);
    try {
      signal?.throwIfAborted();
      yield* pipes.output.pieces;
      await settled;
      const status = await said();
      // The first cause: a compressor that failed breaks the pipe that it is fed by.
      if (!pipes.input.sourceFailed && status !== '0') {
        throw new CompressorError(command, `exited with ${status}`, stderr);
      }
      await fed;
      usable = true;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
      stop();
      await settled;
      if (usable) hold(false);
      else await retire();
    }
  }

  /** Its pipes are closed, so igzip ends; and the shell when it has nothing to read any more. */
  async function retire(): Promise<void> {
    shell.stdin.end();
    await closed;
  }

  await started;
  hold(false);
  return {
    get usable() {
      return usable;
    },
    compress,
  };
}
