import type { Nix, NixCall } from '../nix.ts';
import { run } from '../process/process.ts';

/**
 * Deletes what no root leads to, until so much is freed.
 *
 * @throws ProcessError
 */
export async function collectGarbage(nix: Nix, maxFreedBytes: number, call: NixCall = {}): Promise<void> {
  const most = ['--max-freed', String(Math.max(1, Math.ceil(maxFreedBytes)))];
  await run('nix-store', ['--gc', ...most], { ...call, env: nix.environment, user: nix.user });
}
