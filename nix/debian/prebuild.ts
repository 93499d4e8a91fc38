import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * Builds packages of a set before anybody asks for them.
 *
 * @param onStep called with the number of derivations that were begun, and of those that were announced
 * @throws Error with Nix's last words
 */
export async function prebuild(
  folder: string,
  attributes: readonly string[],
  onStep: (begun: number, all: number) => void,
): Promise<void> {
  const names = attributes.flatMap((attribute) => ['--attr', attribute]);
  // Without a lookup path and substituters: the set is all there is.
  const child = spawn('nix-build', ['--no-out-link', '--max-jobs', 'auto', folder, ...names], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NIX_CONFIG: `${process.env['NIX_CONFIG'] ?? ''}\n${settings()}` },
  });
  let begun = 0;
  let all = 0;
  let last = '';
  for await (const line of createInterface({ input: child.stderr })) {
    if (/^ {2}\/nix\/store\//.test(line)) all++;
    else if (line.startsWith("building '")) onStep(++begun, all);
    if (line.trim() !== '') last = line;
  }
  const code = await new Promise((resolve) => {
    if (child.exitCode !== null) resolve(child.exitCode);
    else child.once('exit', resolve);
  });
  if (code !== 0) throw new Error(`nix-build failed: ${last}`);
}

/** The builder's tools lie outside of the store, and nothing but the machine's own user builds. */
function settings(): string {
  const plain = 'sandbox = false\nsubstitute = false\n';
  return process.getuid?.() === 0 ? `${plain}build-users-group =\n` : plain;
}
