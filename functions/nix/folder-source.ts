import { readlinkSync } from 'node:fs';
import { access, readdir, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { folderFingerprint, folderRevision } from './folder-revision.ts';
import { COMMIT, LATEST, type PackageSource, type Pin, SourceError } from './source.ts';

/** `NIXERY_PKGS_PATH`: a folder with a `default.nix`. It has one revision, a hash of what lies in it now. */
function plainFolder(path: string): PackageSource {
  let last: { fingerprint: string; revision: string } | undefined;

  /** One look at the folder for all who ask at the same time; nobody's leaving ends it. */
  let looking: Promise<string> | undefined;

  /** Contents are read only when something was changed since the last time. */
  async function look(): Promise<string> {
    const fingerprint = await folderFingerprint(path);
    if (last?.fingerprint !== fingerprint) last = { fingerprint, revision: await folderRevision(path) };
    return last.revision;
  }

  function current(): Promise<string> {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  return {
    description: path,
    isLocal: true,
    isFixed: false,
    identity: { kind: 'folder' },
    async pin(reference) {
      const revision = await current();
      if (reference === LATEST || reference === revision) return { kind: 'pinned', revision };
      return { kind: 'unknown', message: `a folder of packages knows ${LATEST} and ${revision} only` };
    },
    references: async () => [await current()],
    at: () => ({ kind: 'folder', path }),
    async confirm(revision, { signal } = {}) {
      if ((await folderRevision(path, { signal })) === revision) return;
      throw new SourceError(`the package folder ${path} was changed while it was evaluated: pull again`);
    },
  };
}

/**
 * A folder of package sets: each lies in a folder that is named by its revision, and the link `latest` leads to the
 * newest. Tags are `latest` and the revisions. A set never changes; its name is checked against its content once.
 */
function folderOfRevisions(path: string): PackageSource {
  const checked = new Set<string>();
  // Synchronous: it takes a tenth of the time, and every pull does it.
  const revisionOf = (reference: string) =>
    reference === LATEST ? basename(readlinkSync(join(path, LATEST))) : reference;
  return {
    description: path,
    isLocal: true,
    isFixed: true,
    identity: { kind: 'folder' },
    peek(reference) {
      const revision = revisionOf(reference);
      return checked.has(revision) ? { kind: 'pinned', revision } : undefined;
    },
    async pin(reference, { signal } = {}): Promise<Pin> {
      const revision = revisionOf(reference);
      if (checked.has(revision)) return { kind: 'pinned', revision };
      if (!COMMIT.test(revision) || !(await exists(join(path, revision, 'default.nix')))) {
        return { kind: 'unknown', message: `there is no revision ${JSON.stringify(revision)} of this package set` };
      }
      const actual = await folderRevision(join(path, revision), { signal });
      if (actual !== revision) throw new SourceError(`${join(path, revision)} was changed: its content is ${actual}`);
      checked.add(revision);
      return { kind: 'pinned', revision };
    },
    async references() {
      return (await readdir(path)).filter((name) => COMMIT.test(name));
    },
    at: (revision) => ({ kind: 'folder', path: join(path, revision) }),
    confirm: () => Promise.resolve(),
  };
}

/**
 * The package source in a folder, of either kind.
 *
 * @throws SourceError when the folder is none, or holds no package set
 */
export async function folderSource(path: string): Promise<PackageSource> {
  const real = await realpath(path).catch((error: unknown) => {
    throw new SourceError(`cannot open the package folder ${path}: ${String(error)}`);
  });
  if (await exists(join(real, 'default.nix'))) return plainFolder(real);
  if (await exists(join(real, LATEST, 'default.nix'))) return folderOfRevisions(real);
  throw new SourceError(`${path} holds no package set: there is no default.nix in it`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    // Whatever keeps it from being read, it is not there for us.
    return false;
  }
}
