/**
 * Makes the Debian package set of this machine: `node nix/debian/prepare.ts`. Afterwards `.data/debian/latest` leads to
 * a folder named by its revision, which Nix can evaluate with nothing else. Older revisions stay. Takes a moment when
 * neither apt's lists nor the tools have changed.
 */
import { existsSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readInputs } from './inputs.ts';

const data = process.env['NIXERY_DATA_DIR'] ?? join(import.meta.dirname, '..', '..', '.data');
const sets = join(data, 'debian');
const stamp = join(data, 'debian.json');

function say(text: string): void {
  process.stderr.write(`debian: ${text}\n`);
}

/** True when the newest set was made from the same inputs. */
function isCurrent(key: string): boolean {
  const latest = join(sets, 'latest');
  if (!existsSync(stamp) || !existsSync(join(latest, 'default.nix'))) return false;
  const made = JSON.parse(readFileSync(stamp, 'utf8')) as { readonly key?: string; readonly revision?: string };
  return made.key === key && made.revision === readlinkSync(latest);
}

async function prepare(): Promise<void> {
  let { key, tools } = await readInputs(import.meta.dirname);
  if (isCurrent(key)) return;
  // Loaded only when there is something to do.
  const { fetchMissingLists, makeSet } = await import('./make-set.ts');
  if (await fetchMissingLists(say)) ({ key, tools } = await readInputs(import.meta.dirname));
  const source = join(import.meta.dirname, 'set');
  const revision = await makeSet(tools, { source, sets, apt: join(data, 'apt'), say });
  writeFileSync(`${stamp}.new`, JSON.stringify({ key, revision }));
  renameSync(`${stamp}.new`, stamp);
}

try {
  await prepare();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
