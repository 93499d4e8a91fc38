/**
 * Makes the Debian package set of this machine: `node nix/debian/prepare.ts`. Afterwards `.data/debian/latest` leads to
 * a folder named by its revision, which Nix can evaluate with nothing else. Older revisions stay.
 */
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { folderRevision } from '../../functions/nix/folder-revision.ts';
import { machineArchitecture, packagesIndexes, readPackages, update } from './apt.ts';
import { writeSet } from './folder.ts';
import { readForeignPackages } from './foreign.ts';
import { readInputs, type Inputs } from './inputs.ts';
import { makeLock, type Lock, type Place } from './lock.ts';
import { newest, type DebianPackage } from './package.ts';
import { prebuild } from './prebuild.ts';

const source = join(import.meta.dirname, 'set');
const folder = process.env['NIXERY_DATA_DIR'] ?? join(import.meta.dirname, '..', '..', '.data');
const sets = join(folder, 'debian');
const latest = join(sets, 'latest');
const stamp = join(folder, 'debian.json');

/** What all images have. */
const EVERYWHERE = ['cacert', 'iana-etc'];

function say(text: string): void {
  process.stderr.write(`debian: ${text}\n`);
}

/** True when the newest set was made from the same inputs. */
function isCurrent(key: string): boolean {
  if (!existsSync(stamp) || !existsSync(join(latest, 'default.nix'))) return false;
  const made = JSON.parse(readFileSync(stamp, 'utf8')) as { readonly key?: string; readonly revision?: string };
  return made.key === key && made.revision === readlinkSync(latest);
}

async function nativePackages(architecture: string): Promise<DebianPackage[]> {
  let indexes = await packagesIndexes(architecture);
  if (indexes.length === 0) {
    say('apt has no package lists yet: apt-get update');
    await update();
    indexes = await packagesIndexes(architecture);
  }
  if (indexes.length === 0) throw new Error(`apt knows no packages of Debian's main for ${architecture}`);
  return readPackages(indexes);
}

async function readLocks(): Promise<ReadonlyMap<string, Lock>> {
  const aliases = JSON.parse(await readFile(join(source, 'aliases.json'), 'utf8')) as Record<
    string,
    Exclude<Place, number>
  >;
  const native = await machineArchitecture();
  const foreign = native === 'amd64' ? 'arm64' : 'amd64';
  const locks = new Map<string, Lock>();
  async function add(architecture: string, packages: readonly DebianPackage[]): Promise<void> {
    const lock = makeLock(newest(packages), aliases);
    locks.set(architecture, lock);
    const count = lock.shards.reduce((sum, shard) => sum + shard.length, 0);
    say(`${count} packages for ${architecture}${lock.unmet.size > 0 ? `, ${lock.unmet.size} lack a dependency` : ''}`);
    await Promise.resolve();
  }
  say(`reading apt's package lists for ${native}, fetching those for ${foreign}`);
  const fetched = readForeignPackages(foreign, join(folder, 'apt', foreign)).then(
    (packages) => ({ packages }),
    (error: unknown) => ({ error }),
  );
  await add(native, await nativePackages(native));
  const result = await fetched;
  if ('packages' in result) await add(foreign, result.packages);
  else say(`no packages for ${foreign} until the next apt-get update: ${String(result.error)}`);
  return locks;
}

/** Writes the set beside the others and lets `latest` lead to it. Gives its revision. */
async function publish(inputs: Inputs, locks: ReadonlyMap<string, Lock>): Promise<string> {
  const temporary = await mkdtemp(join(sets, '.new-'));
  try {
    const made = join(temporary, 'set');
    await writeSet(made, source, inputs.tools, locks);
    const revision = await folderRevision(made);
    if (!existsSync(join(sets, revision))) await rename(made, join(sets, revision));
    await symlink(revision, join(temporary, 'latest'));
    await rename(join(temporary, 'latest'), latest);
    return revision;
  } finally {
    await rm(temporary, { recursive: true });
  }
}

async function build(set: string, lock: Lock | undefined): Promise<void> {
  const attributes = [...EVERYWHERE, ...(lock?.essentials ?? [])];
  try {
    let shown = 0;
    await prebuild(set, attributes, (begun, all) => {
      if (begun < all && begun < shown + 20) return;
      shown = begun;
      say(`building what images have in common: ${begun} of ${all}`);
    });
  } catch (error) {
    // The set is there all the same; a pull that needs these says what is wrong in its own words.
    say(`cannot build what images have in common: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function prepare(): Promise<void> {
  const inputs = await readInputs(import.meta.dirname);
  if (isCurrent(inputs.key)) return;
  await mkdir(sets, { recursive: true });
  const locks = await readLocks();
  // apt may have changed its lists since: what was read first is what counts, so that the next start looks again.
  const revision = await publish(inputs, locks);
  say(`revision ${revision}`);
  await build(join(sets, revision), locks.values().next().value);
  await writeFile(`${stamp}.new`, JSON.stringify({ key: inputs.key, revision }));
  await rename(`${stamp}.new`, stamp);
}

try {
  await prepare();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
