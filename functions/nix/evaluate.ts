import type { Nix, NixCall } from './nix.ts';
import { run } from './process.ts';
import type { NixSource } from './source.ts';

/**
 * Evaluates one of the expressions and gives what Nix prints.
 *
 * @param file in the folder of expressions; it gets the request as JSON
 * @throws ProcessError when Nix is not there, gives up, is stopped or takes too long
 */
export function evaluate(
  nix: Nix,
  file: string,
  source: NixSource,
  request: object,
  flags: readonly string[],
  call: NixCall,
): Promise<string> {
  // Evaluation reads the expressions and the package set and nothing else, so that the revision is the whole truth.
  const confined = ['--option', 'restrict-eval', 'true', '-I', nix.expressions];
  const building = ['--option', 'allow-import-from-derivation', String(nix.importFromDerivation === 'allow')];
  // What reads a folder and builds nothing starts nothing; to enter a group takes the kernel some 20 ms.
  const startsNothing = source.kind === 'folder' && nix.importFromDerivation !== 'allow';
  const cgroups = startsNothing ? undefined : nix.cgroups;
  const open = source.kind === 'folder' ? ['-I', source.path] : ['--option', 'allowed-uris', source.url];
  return run(
    'nix-instantiate',
    [
      ...['--eval', '--read-write-mode', ...flags, ...confined, ...building, ...open, `${nix.expressions}/${file}`],
      ...['--argstr', 'request', JSON.stringify(request)],
    ],
    { ...call, env: nix.environment, user: nix.user, cgroups, memoryBytes: nix.evaluationMemoryBytes },
  );
}
