import { withoutPasswords } from './without-passwords.ts';

/** How a process ended when it did not end well. */
export type ProcessFailure = 'not-found' | 'exit' | 'timeout' | 'aborted' | 'output-too-long';

/** A program that was asked for something did not do it. */
export class ProcessError extends Error {
  readonly code = 'PROCESS';
  override readonly name = 'ProcessError';
  readonly failure: ProcessFailure;
  readonly command: string;
  /** The last lines of stderr, oldest first: at most a hundred of at most a thousand characters each. */
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
