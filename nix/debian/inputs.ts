import { createHash } from 'node:crypto';
import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { aptFolders, installedVersions } from './machine.ts';

/** The Debian packages whose programs the builder runs; another version may write other bytes. */
const TOOLS = ['bash', 'coreutils', 'dpkg', 'patchelf', 'perl-base', 'tar'] as const;

/** What decides a set, as far as it can be told in a moment. */
export interface Inputs {
  readonly tools: Readonly<Record<string, string>>;
  /** Changes when apt's lists or configuration, the tools or the program that makes the set change. */
  readonly key: string;
}

/**
 * @param source folder of the program that makes the set
 * @throws Error when a tool is missing
 */
export async function readInputs(source: string): Promise<Inputs> {
  const [folders, tools] = await Promise.all([aptFolders(), installedVersions(TOOLS)]);
  const missing = TOOLS.filter((tool) => !(tool in tools));
  if (missing.length > 0)
    throw new Error(`install what the Debian set is made with: apt-get install ${missing.join(' ')}`);
  const hash = createHash('sha256').update(JSON.stringify(tools));
  // apt replaces what has changed and leaves the time of the server on it, so that size and time tell.
  for (const path of [...filesIn(folders.lists), ...filesIn(folders.configuration)]) {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${path} ${size} ${mtimeMs}\0`);
  }
  for (const path of filesIn(source)) hash.update(`${path}\0`).update(readFileSync(path)).update('\0');
  return { tools, key: hash.digest('hex') };
}

/** The files below a folder that this user can list, without apt's locks and unfinished downloads. */
function filesIn(folder: string): string[] {
  return entries(folder)
    .filter(({ name }) => name !== 'partial' && name !== 'lock')
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesIn(path) : entry.isFile() ? [path] : [];
    })
    .sort();
}

function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    // /etc/apt/auth.conf.d and the like may be closed to others than root; they hold no packages.
    if (error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'ENOENT')) return [];
    throw error;
  }
}
