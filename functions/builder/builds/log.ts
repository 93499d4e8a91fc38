import { StringDecoder } from 'node:string_decoder';
import { withoutPasswords } from '../../nix/without-passwords.ts';

/** Lines from a position on. */
export interface LogPart {
  readonly lines: readonly string[];
  /** How many lines before these are not kept any more. */
  readonly lost: number;
  /** The position behind these lines: what to ask for next. */
  readonly next: number;
}

/** What a build prints, as it prints it: the end of it, in bounded memory, whatever the build prints. */
export interface BuildLog {
  /** Bytes as they come, in pieces of any length. */
  readonly add: (chunk: Uint8Array) => void;
  /** A line of our own. */
  say(line: string): void;
  /** Nothing more will come. */
  end(): void;
  readonly ended: boolean;
  /** Of the lines that are kept, and what the lines themselves take. */
  readonly characters: number;
  /** @param position of the first line that is wanted; lines count from 0 */
  from(position: number): LogPart;
  /** Resolves when there is more than at `position`, when the log has ended, or at the signal. */
  moreThan(position: number, signal: AbortSignal): Promise<void>;
}

/** Characters of a line; of a longer one the rest is left out, and how much that was is said. */
const MAX_LINE_CHARACTERS = 2_000;
/** Characters of all lines that are kept while a build runs. */
const MAX_LOG_CHARACTERS = 512 * 1024;
/** What Nix says each time it realises something without a root, which no reader can do anything about. */
const NOISE = "warning: you did not specify '--add-root'";
/** What an empty line takes all the same. */
const LINE_CHARACTERS = 32;

export function buildLog(): BuildLog {
  const decoder = new StringDecoder('utf8');
  let lines: string[] = [];
  let first = 0;
  let characters = 0;
  let current = '';
  let leftOut = 0;
  let ended = false;
  const waiting = new Set<() => void>();

  function wake(): void {
    for (const resume of waiting) resume();
    waiting.clear();
  }

  function push(line: string): void {
    lines.push(line);
    characters += line.length + LINE_CHARACTERS;
    if (characters <= MAX_LOG_CHARACTERS) return;
    // Half at once, so that a flood does not move the rest for every line.
    let gone = 0;
    while (gone < lines.length - 1 && characters > MAX_LOG_CHARACTERS / 2) {
      characters -= (lines[gone]?.length ?? 0) + LINE_CHARACTERS;
      gone++;
    }
    lines = lines.slice(gone);
    first += gone;
  }

  function finishLine(): void {
    if (current.startsWith(NOISE)) {
      current = '';
      leftOut = 0;
      return;
    }
    const line = withoutPasswords(current.endsWith('\r') ? current.slice(0, -1) : current, { isCut: leftOut > 0 });
    // A copy of what is cut off: it would keep all of a long line in memory.
    push(leftOut > 0 ? Buffer.from(`${line} … (${leftOut} more characters)`).toString() : line);
    current = '';
    leftOut = 0;
  }

  function addToLine(text: string): void {
    // What a carriage return goes back over is not on a terminal either: of a progress bar the last state is left.
    const back = text.lastIndexOf('\r', text.length - 2);
    if (back !== -1 || (text !== '' && current.endsWith('\r'))) {
      current = '';
      leftOut = 0;
    }
    const room = MAX_LINE_CHARACTERS - current.length;
    const own = text.slice(back + 1);
    current += own.slice(0, room);
    leftOut += Math.max(0, own.length - room);
  }

  function addText(text: string): void {
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      addToLine(text.slice(start, end));
      finishLine();
      start = end + 1;
    }
    if (start < text.length) addToLine(text.slice(start));
  }

  return {
    get ended() {
      return ended;
    },
    get characters() {
      return characters;
    },
    add(chunk) {
      if (ended) return;
      addText(decoder.write(chunk));
      wake();
    },
    say(line) {
      if (ended) return;
      if (current !== '') finishLine();
      push(line);
      wake();
    },
    end() {
      addText(decoder.end());
      if (current !== '') finishLine();
      ended = true;
      wake();
    },
    from(position) {
      const at = Math.min(Math.max(position, first), first + lines.length);
      return { lines: lines.slice(at - first), lost: Math.max(0, first - position), next: first + lines.length };
    },
    moreThan(position, signal) {
      if (ended || signal.aborted || position < first + lines.length) return Promise.resolve();
      return new Promise((resolve) => {
        const resume = () => {
          signal.removeEventListener('abort', resume);
          waiting.delete(resume);
          resolve();
        };
        waiting.add(resume);
        signal.addEventListener('abort', resume, { once: true });
      });
    },
  };
}
