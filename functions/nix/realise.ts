import { type Nix, type NixCall, nixMessage } from './nix.ts';
import { ProcessError, run } from './process.ts';
import type { Output } from './resolve.ts';

/** A derivation could not be built: a fault of the package, with the end of its log. */
export class BuildFailedError extends Error {
  readonly code = 'BUILD_FAILED';
  override readonly name = 'BuildFailedError';
  /** The end of what the build printed, oldest line first. */
  readonly logTail: readonly string[];

  /** @param printed the end of what Nix and the build printed */
  constructor(printed: readonly string[], cause?: unknown) {
    super(nixMessage(printed), { cause });
    this.logTail = printed.filter((line) => !NIX_SAYS.test(line));
  }
}

/** Lines of Nix's own between those of the build. */
const NIX_SAYS =
  /^(?:this derivation|these \d+ (?:derivations|paths)|this path|building '|copying path|  \/nix\/store\/\S+$|warning: |error: )/;

/** A build that prints more is ended. What it prints is read to the end, and its last lines are kept. */
const MAX_LOG_BYTES = 64 * 1024 * 1024;
/** Nix's own copies of logs fill a file system that is memory, and nobody reads them. */
const LOGS = ['--option', 'max-build-log-size', String(MAX_LOG_BYTES), '--option', 'keep-build-log', 'false'];

/**
 * Makes outputs be in the local store: takes them from a binary cache or builds them.
 *
 * @throws BuildFailedError when a build fails
 * @throws ProcessError when Nix is not there, is stopped or takes too long
 */
export async function realise(nix: Nix, outputs: readonly Output[], call: NixCall = {}): Promise<void> {
  const targets = [...new Set(outputs.map((output) => `${output.drvPath}!${output.name}`))];
  try {
    await run('nix-store', ['--realise', ...LOGS, ...targets], { ...call, env: nix.environment, user: nix.user });
  } catch (error) {
    if (error instanceof ProcessError && error.failure === 'exit') throw new BuildFailedError(error.logTail, error);
    throw error;
  }
}
