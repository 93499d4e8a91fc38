import { unpackedBytes } from './fetch-size.ts';
import { type Nix, type NixCall, nixMessage } from '../nix.ts';
import { LOG_LIMIT } from './log-limit.ts';
import { run } from '../process/process.ts';
import { ProcessError } from '../process-error.ts';
import type { Output } from '../resolve/resolve.ts';

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
 * @throws StoreFullError when the call has a room and that is too small
 * @throws ProcessError when Nix is not there, is stopped or takes too long
 */
export async function realise(nix: Nix, outputs: readonly Output[], call: NixCall = {}): Promise<void> {
  const targets = [...new Set(outputs.map((output) => `${output.drvPath}!${output.name}`))];
  const { room } = call;
  if (room === undefined) return realiseNow(nix, targets, call);
  const neededBytes = await announcedBytes(nix, targets, call);
  return room.adding(neededBytes, () => realiseNow(nix, targets, call), isStoreFull);
}

async function realiseNow(nix: Nix, targets: readonly string[], call: NixCall): Promise<void> {
  try {
    await run('nix-store', ['--realise', ...LOG_LIMIT, ...targets], {
      ...call,
      env: nix.environment,
      user: nix.user,
      cgroups: nix.cgroups,
    });
  } catch (error) {
    if (error instanceof ProcessError && error.failure === 'exit') throw new BuildFailedError(error.logTail, error);
    throw error;
  }
}

/** What the kernel and SQLite say of a file system without room. */
const NO_ROOM = /No space left on device|database or disk is full/;

function isStoreFull(error: unknown): boolean {
  const printed = error instanceof BuildFailedError ? [error.message, ...error.logTail] : [];
  return printed.some((line) => NO_ROOM.test(line));
}

/** @returns what Nix knows beforehand: the length of what comes from binary caches */
async function announcedBytes(nix: Nix, targets: readonly string[], { signal, timeoutMs }: NixCall): Promise<number> {
  let printed = '';
  const onStderr = (chunk: Buffer): void => {
    printed += chunk.toString();
  };
  const options = {
    signal,
    env: nix.environment,
    user: nix.user,
    onStderr,
    ...(timeoutMs && { timeoutMs }),
  };
  await run('nix-store', ['--realise', '--dry-run', ...targets], options);
  return unpackedBytes(printed);
}
