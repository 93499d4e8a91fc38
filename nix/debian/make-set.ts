import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { folderRevision } from '../../functions/nix/folder-revision.ts';
import { packagesIndexes, readPackages, update } from './apt.ts';
import { writeSet } from './folder.ts';
import { readForeignPackages } from './foreign.ts';
import { makeLock, type Lock, type Place } from './lock.ts';
import { machineArchitecture } from './machine.ts';
import { newest, type DebianPackage } from './package.ts';
import { prebuild } from './prebuild.ts';

/** Where things are, and how progress is told. */
export interface Surroundings {
  /** Folder of the set's expression, builder and aliases. */
  readonly source: string;
  /** Folder of the sets, one folder for each revision, and the link `latest`. */
  readonly sets: string;
  /** Folder for private states of apt. */
  readonly apt: string;
  readonly say: (text: string) => void;
}

/** What all images have. */
const EVERYWHERE = ['cacert', 'iana-etc'];

/** Lets apt fetch its package lists if it has none. True when it did. */
export async function fetchMissingLists(say: Surroundings['say']): Promise<boolean> {
  if ((await packagesIndexes(await machineArchitecture())).length > 0) return false;
  say('apt has no package lists yet: apt-get update');
  await update();
  return true;
}

/**
 * Makes a set of all packages that apt knows now, lets `latest` lead to it, and builds what images have in common.
 *
 * @returns its revision
 */
export async function makeSet(tools: Readonly<Record<string, string>>, surroundings: Surroundings): Promise<string> {
  await mkdir(surroundings.sets, { recursive: true });
  const native = await machineArchitecture();
  const locks = await readLocks(native, surroundings);
  const revision = await publish(tools, locks, surroundings);
  surroundings.say(`revision ${revision}`);
  const { essentials = [], packages = [] } = locks.get(native) ?? {};
  const common = essentials.flatMap((number) => packages[number]?.name ?? []);
  await build(join(surroundings.sets, revision), common, surroundings);
  return revision;
}

async function readLocks(native: string, { source, apt, say }: Surroundings): Promise<ReadonlyMap<string, Lock>> {
  const text = await readFile(join(source, 'aliases.json'), 'utf8');
  const aliases = JSON.parse(text) as Record<string, Exclude<Place, number>>;
  const foreign = native === 'amd64' ? 'arm64' : 'amd64';
  const locks = new Map<string, Lock>();
  function add(architecture: string, packages: readonly DebianPackage[]): void {
    const newestPackages = newest(packages);
    const lock = makeLock(newestPackages, aliases);
    locks.set(architecture, lock);
    const lacking = lock.packages.filter(({ lacks }) => lacks !== undefined).length;
    say(`${newestPackages.size} packages for ${architecture}, of which ${lacking} lack a dependency`);
  }
  say(`reading apt's package lists for ${native}, fetching those for ${foreign}`);
  // Caught here, so that it is no unhandled rejection while the native packages are read.
  const fetched = readForeignPackages(foreign, join(apt, foreign)).then(
    (packages) => ({ kind: 'packages', packages }) as const,
    (error: unknown) => ({ kind: 'failed', error }) as const,
  );
  const indexes = await packagesIndexes(native);
  if (indexes.length === 0) throw new Error(`apt knows no packages of Debian's main for ${native}`);
  add(native, await readPackages(indexes));
  const result = await fetched;
  if (result.kind === 'packages') add(foreign, result.packages);
  else say(`no packages for ${foreign} until apt's lists change: ${String(result.error)}`);
  return locks;
}

/** Writes the set beside the others and lets `latest` lead to it. */
async function publish(
  tools: Readonly<Record<string, string>>,
  locks: ReadonlyMap<string, Lock>,
  { source, sets }: Surroundings,
): Promise<string> {
  const temporary = await mkdtemp(join(sets, '.new-'));
  try {
    const made = join(temporary, 'set');
    await writeSet(made, source, tools, locks);
    const revision = await folderRevision(made);
    if (!existsSync(join(sets, revision))) await rename(made, join(sets, revision));
    await symlink(revision, join(temporary, 'latest'));
    await rename(join(temporary, 'latest'), join(sets, 'latest'));
    return revision;
  } finally {
    await rm(temporary, { recursive: true });
  }
}

/** Without it the first pull would have to build some forty packages, a shell and Perl among them. */
async function build(set: string, essentials: readonly string[], { say }: Surroundings): Promise<void> {
  let shown = 0;
  try {
    await prebuild(set, [...EVERYWHERE, ...essentials], (begun, all) => {
      if (begun < all && begun < shown + 20) return;
      shown = begun;
      say(`building what images have in common: ${begun} of ${all}`);
    });
  } catch (error) {
    // The set is there all the same; a pull that needs these says what is wrong in its own words.
    say(`cannot build what images have in common: ${error instanceof Error ? error.message : String(error)}`);
  }
}
