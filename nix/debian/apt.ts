import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parsePackages, type DebianPackage } from './package.ts';

const run = promisify(execFile);

/** One Packages index of main is 60 MB of text. */
const MAX_INDEX_BYTES = 1 << 30;

/** Options of every apt program: none for the machine's own state, some for a private one. */
export type AptOptions = readonly string[];

/** One Packages index on this machine: the file, and the repository whose files it lists. */
export interface PackagesIndex {
  readonly file: string;
  readonly repository: string;
}

const FIELDS = ['CREATED_BY', 'ORIGIN', 'COMPONENT', 'TRUSTED', 'ARCHITECTURE', 'REPO_URI', 'FILENAME'] as const;

/** The indexes of Debian's main that apt has fetched and trusts. Empty when `apt-get update` has not run. */
export async function packagesIndexes(
  architecture: string,
  options: AptOptions = [],
): Promise<readonly PackagesIndex[]> {
  const format = FIELDS.map((field) => `$(${field})`).join('\t');
  const { stdout } = await run('apt-get', ['indextargets', ...options, '--format', format]);
  return stdout.split('\n').flatMap((line) => {
    const [createdBy, origin, component, trusted, indexArchitecture, repository, file] = line.split('\t');
    const wanted =
      createdBy === 'Packages' &&
      origin === 'Debian' &&
      component === 'main' &&
      trusted === 'yes' &&
      (indexArchitecture === architecture || indexArchitecture === 'all');
    return wanted && repository !== undefined && file !== undefined ? [{ repository, file }] : [];
  });
}

/** The packages of all indexes, in the order of the indexes. */
export async function readPackages(indexes: readonly PackagesIndex[]): Promise<DebianPackage[]> {
  const packages: DebianPackage[] = [];
  for (const { file, repository } of indexes) {
    // As bytes: decoding them in one piece is several times as fast as chunk by chunk.
    const { stdout } = await run('/usr/lib/apt/apt-helper', ['cat-file', file], {
      maxBuffer: MAX_INDEX_BYTES,
      encoding: 'buffer',
    });
    for (const debian of parsePackages(stdout.toString(), repository)) packages.push(debian);
  }
  return packages;
}

/**
 * Runs `apt-get update`; for the machine's own state with sudo unless this is root.
 *
 * @throws Error with the end of what apt said
 */
export async function update(options: AptOptions = []): Promise<void> {
  const command = ['apt-get', 'update', '--quiet', ...options];
  if (options.length === 0 && process.getuid?.() !== 0) command.unshift('sudo');
  const [program = '', ...rest] = command;
  try {
    await run(program, rest, { maxBuffer: MAX_INDEX_BYTES });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new Error(`${command.join(' ')} failed: ${said.split('\n').at(-1) ?? ''}`, { cause: error });
  }
}
