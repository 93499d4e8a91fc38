import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Command {
  readonly commands: Readonly<Record<string, Command>>;
  readonly flags: Readonly<Record<string, unknown>>;
}

/** Everywhere, and in no command's own list. */
const GLOBAL = ['--project', '--quiet', '--format', '--filter', '--limit', '--sort-by'];

/**
 * What the installed gcloud does not know of a command line: undefined where there is none.
 *
 * @returns a function that gives the words and flags that are unknown
 */
export function installedGcloud(): ((line: string) => string[]) | undefined {
  const program = (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => join(folder, 'gcloud'))
    .find((path) => exists(path));
  if (program === undefined) return undefined;
  // It completes commands in a shell from this table, and it is JSON but for what is before the first brace.
  const table = join(dirname(realpathSync(program)), '../data/cli/gcloud_completions.py');
  if (!exists(table)) return undefined;
  const source = readFileSync(table, 'utf8');
  const root = JSON.parse(source.slice(source.indexOf('{'))) as Command;

  return (line) => {
    const unknown: string[] = [];
    let command = root;
    for (const word of line.split(/\s+/).slice(1)) {
      const isLeaf = Object.keys(command.commands).length === 0;
      if (word.startsWith('-')) {
        const flag = word.replace(/=.*$/, '');
        if (!(flag in command.flags) && !GLOBAL.includes(flag)) unknown.push(flag);
      } else if (!isLeaf) {
        const next = command.commands[word];
        if (next === undefined) return [word];
        command = next;
      }
    }
    return unknown;
  };
}

function exists(path: string): boolean {
  try {
    realpathSync(path);
    return true;
  } catch {
    // Not there, which is an answer.
    return false;
  }
}
