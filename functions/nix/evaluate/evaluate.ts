import { allowedUris } from './allowed-uris.ts';
import { clearLeftLocks, isLeftLocked } from './left-locks.ts';
import type { Nix, NixCall } from '../nix.ts';
import { run } from '../process/process.ts';
import type { NixSource } from '../source.ts';

export interface Evaluation {
  /** In the folder of expressions. */
  readonly file: string;
  readonly source: NixSource;
  /** Given to the expression as JSON. */
  readonly request: object;
  readonly flags?: readonly string[];
  /** A folder that it may read, beside the expressions and the package set. */
  readonly readable?: string;
}

/**
 * Evaluates one of the expressions and gives what Nix prints.
 *
 * @throws ProcessError when Nix is not there, gives up, is stopped or takes too long
 */
export async function evaluate(nix: Nix, evaluation: Evaluation, call: NixCall): Promise<string> {
  try {
    return await evaluateOnce(nix, evaluation, call);
  } catch (error) {
    if (!isLeftLocked(error)) throw error;
    await clearLeftLocks(nix, call);
    return evaluateOnce(nix, evaluation, call);
  }
}

function evaluateOnce(nix: Nix, evaluation: Evaluation, call: NixCall): Promise<string> {
  const { file, source, request, flags = [], readable } = evaluation;
  // Evaluation reads the expressions, the package set and what it is asked, so that the revision is the whole truth.
  const confined = ['--option', 'restrict-eval', 'true', '-I', nix.expressions];
  const building = ['--option', 'allow-import-from-derivation', String(nix.importFromDerivation === 'allow')];
  // What reads a folder and builds nothing starts nothing; to enter a group takes the kernel some 20 ms.
  const startsNothing = source.kind === 'folder' && nix.importFromDerivation !== 'allow';
  const cgroups = startsNothing ? undefined : nix.cgroups;
  const open =
    source.kind === 'folder' ? ['-I', source.path] : ['--option', 'allowed-uris', allowedUris(source).join(' ')];
  const beside = readable === undefined ? [] : ['-I', readable];
  return run(
    'nix-instantiate',
    [
      ...['--eval', '--read-write-mode', ...flags, ...confined, ...building, ...open, ...beside],
      ...[`${nix.expressions}/${file}`, '--argstr', 'request', JSON.stringify(request)],
    ],
    {
      ...call,
      env: { ...nix.environment, ...nix.fetchEnvironment },
      user: nix.user,
      cgroups,
      memoryBytes: nix.evaluationMemoryBytes,
    },
  );
}
