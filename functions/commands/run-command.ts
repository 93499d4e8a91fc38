import { fileURLToPath } from 'node:url';
import { type Config, parseConfig } from '../config/config.ts';
import { toldToOperator } from '../operator-error.ts';

/** A command was not called as it can be. */
export class UsageError extends Error {
  readonly code = 'USAGE';
  override readonly name = 'UsageError';
}

/**
 * Runs a command with the service's configuration, and sets the exit code: what the command says; 1 when it cannot be
 * done, with the reason; 2, with how it is called, when it was called wrongly.
 */
export async function runCommand(
  usage: string,
  command: (config: Config, argv: readonly string[]) => Promise<number>,
): Promise<void> {
  const argv = process.argv.slice(2);
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(usage);
    return;
  }
  try {
    const programFolder = fileURLToPath(new URL('../..', import.meta.url));
    const config = parseConfig(process.env, { programFolder, terminal: process.stdout.isTTY });
    process.exitCode = await command(config, argv);
  } catch (error) {
    if (isUsage(error)) {
      process.stderr.write(`${error.message}\n\n${usage.split('\n', 1).join('')}\nMore: --help\n`);
      process.exitCode = 2;
    } else {
      process.stderr.write(`${toldToOperator(error)}\n`);
      process.exitCode = 1;
    }
  }
}

function isUsage(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  // What node's parseArgs throws has a code of its own.
  return error instanceof UsageError || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_'));
}
