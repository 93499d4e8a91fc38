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

/**
 * Makes outputs be in the local store: takes them from a binary cache or builds them.
 *
 * @throws BuildFailedError when a build fails
 * @throws ProcessError when Nix is not there, is stopped or takes too long
 */
export async function realise(nix: Nix, outputs: readonly Output[], call: NixCall = {}): Promise<void> {
  const targets = [...new Set(outputs.map((output) => `${output.drvPath}!${output.name}`))];
  try {
    await run('nix-store', ['--realise', ...targets], { ...call, env: nix.environment });
  } catch (error) {
    if (error instanceof ProcessError && error.failure === 'exit') throw new BuildFailedError(error.logTail, error);
    throw error;
  }
}
