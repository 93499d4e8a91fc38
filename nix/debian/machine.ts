import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The architecture of the machine, as Debian calls it. */
export async function machineArchitecture(): Promise<string> {
  const { stdout } = await run('dpkg', ['--print-architecture']);
  return stdout.trim();
}

/** The folders of apt's lists and of its configuration. */
export async function aptFolders(): Promise<{ readonly lists: string; readonly configuration: string }> {
  const { stdout } = await run('apt-config', ['shell', 'lists', 'Dir::State::lists/d', 'etc', 'Dir::Etc/d']);
  const value = (name: string): string | undefined => new RegExp(`^${name}='(.*)'$`, 'm').exec(stdout)?.[1];
  return { lists: value('lists') ?? '/var/lib/apt/lists/', configuration: value('etc') ?? '/etc/apt/' };
}

/** The versions of installed packages, by name. What is not installed is left out. */
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
