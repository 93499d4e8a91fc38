import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parsePackages, type DebianPackage } from './package.ts';

const run = promisify(execFile);

/** The size of Debian's main is 60 MB of text. */
const MAX_INDEX_BYTES = 1 << 30;

/** Options on the command line of every apt program: none for the machine's own state, some for a private one. */
export type AptOptions = readonly string[];

/** One Packages index on this machine: the file and the repository whose files it lists. */
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
    const { stdout } = await run('/usr/lib/apt/apt-helper', ['cat-file', file], { maxBuffer: MAX_INDEX_BYTES });
    for (const debian of parsePackages(stdout, repository)) packages.push(debian);
  }
  return packages;
}

/** The architecture of the machine, as Debian calls it. */
export async function machineArchitecture(): Promise<string> {
  const { stdout } = await run('dpkg', ['--print-architecture']);
  return stdout.trim();
}

/** The versions of the installed packages of that names, by name. Those that are not installed are left out. */
export async function installedVersions(names: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await run('dpkg-query', [
    '--show',
    '--showformat',
    '${Package}\t${db:Status-Status}\t${Version}\n',
  ]);
  const versions: Record<string, string> = {};
  for (const line of stdout.split('\n')) {
    const [name, status, version] = line.split('\t');
    if (name !== undefined && version !== undefined && status === 'installed' && names.includes(name)) {
      versions[name] = version;
    }
  }
  return versions;
}

/** Name, size and time of each file in folders; what apt's lists and sources look like without reading them. */
export async function listing(folders: readonly string[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const folder of folders) {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    });
    for (const entry of entries.filter((each) => each.isFile() && each.name !== 'lock')) {
      const path = join(folder, entry.name);
      const { size, mtimeMs } = await stat(path);
      lines.push(`${path} ${size} ${mtimeMs}`);
    }
  }
  return lines.sort();
}

/** Runs `apt-get update`, with what it says on the standard error of this process. */
export async function update(options: AptOptions): Promise<void> {
  const child = execFile('apt-get', ['update', ...options], { maxBuffer: MAX_INDEX_BYTES });
  child.stdout?.pipe(process.stderr, { end: false });
  child.stderr?.pipe(process.stderr, { end: false });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`apt-get update failed with status ${code ?? 'none'}`));
    });
  });
}
