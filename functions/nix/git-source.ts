import { type GitOptions, gitRemote } from './git.ts';
import { COMMIT, LATEST, type PackageSource, type Pin, SHORT_COMMIT } from './source.ts';

/** `NIXERY_PKGS_REPO`: a package set in a git repository. A tag is a branch, a tag or a commit, looked for in this order. */
export function gitSource(url: string, options: GitOptions): PackageSource {
  const remote = gitRemote(url, options);
  return {
    description: remote.description,
    isLocal: false,
    isFixed: true,
    identity: { kind: 'git', url: remote.description },
    async pin(reference, { signal } = {}) {
      const names = reference === LATEST ? ['HEAD'] : [`refs/heads/${reference}`, `refs/tags/${reference}`];
      const commit = await remote.find(names, signal);
      if (commit !== undefined) return { kind: 'pinned', revision: commit };
      if (COMMIT.test(reference) && (await remote.has(reference, signal))) {
        return { kind: 'pinned', revision: reference };
      }
      if (SHORT_COMMIT.test(reference)) {
        const expanded = await remote.expand(reference, signal);
        if (expanded !== undefined) return { kind: 'pinned', revision: expanded };
      }
      return {
        kind: 'unknown',
        message: `${remote.description} has no branch, tag or commit ${JSON.stringify(reference)} (or more than one commit begins so)`,
      };
    },
    at: (revision) => ({ kind: 'git', url, revision }),
    confirm: () => Promise.resolve(),
  };
}

/** Where nixpkgs lives: its repository, and an archive of each of its commits. */
export interface NixpkgsLocation {
  readonly repositoryUrl: string;
  readonly archiveUrl: (commit: string) => string;
}

const NIXPKGS: NixpkgsLocation = {
  repositoryUrl: 'https://github.com/NixOS/nixpkgs',
  archiveUrl: (commit) => `https://github.com/NixOS/nixpkgs/archive/${commit}.tar.gz`,
};

/**
 * `NIXERY_CHANNEL`: nixpkgs at a channel (a branch of its repository) or a commit. A tag is another channel or a commit.
 *
 * @param location another place that holds nixpkgs, such as a mirror
 */
export function channelSource(channel: string, options: GitOptions, location = NIXPKGS): PackageSource {
  const remote = gitRemote(location.repositoryUrl, options);
  return {
    description: `nixpkgs (${channel})`,
    isLocal: false,
    isFixed: true,
    identity: { kind: 'nixpkgs', repository: remote.description },
    async pin(reference, { signal } = {}): Promise<Pin> {
      const wanted = reference === LATEST ? channel : reference;
      if (COMMIT.test(wanted)) {
        return (await remote.has(wanted, signal))
          ? { kind: 'pinned', revision: wanted }
          : { kind: 'unknown', message: `nixpkgs has no commit ${wanted}` };
      }
      const commit =
        (await remote.find([`refs/heads/${wanted}`], signal)) ??
        (SHORT_COMMIT.test(wanted) ? await remote.expand(wanted, signal) : undefined);
      if (commit !== undefined) return { kind: 'pinned', revision: commit };
      return { kind: 'unknown', message: `nixpkgs has no channel or commit ${JSON.stringify(wanted)}` };
    },
    at: (revision) => ({ kind: 'tarball', url: location.archiveUrl(revision) }),
    confirm: () => Promise.resolve(),
  };
}
