import { readFile } from 'node:fs/promises';
import { parseStorePath, type StorePath } from './store-path.ts';

/**
 * The store paths that these outputs want beside them in an environment, as `buildEnv` of nixpkgs finds them: those
 * named in `nix-support/propagated-user-env-packages`, those that these name in turn, and so on, nearest first.
 * Without the outputs themselves.
 */
export async function propagatedBy(outputs: readonly StorePath[]): Promise<readonly StorePath[]> {
  const seen = new Set<StorePath>(outputs);
  let level: readonly StorePath[] = outputs;
  while (level.length > 0) {
    const next: StorePath[] = [];
    for (const path of level) {
      for (const propagated of await namedIn(path)) {
        if (seen.has(propagated)) continue;
        seen.add(propagated);
        next.push(propagated);
      }
    }
    level = next;
  }
  return [...seen].slice(new Set(outputs).size);
}

async function namedIn(path: StorePath): Promise<StorePath[]> {
  let text: string;
  try {
    text = await readFile(`${path}/nix-support/propagated-user-env-packages`, 'utf8');
  } catch (error) {
    // ENOTDIR: the output is a file, not a folder.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
  return text.split(/\s+/).flatMap((word) => parseStorePath(word) ?? []);
}
