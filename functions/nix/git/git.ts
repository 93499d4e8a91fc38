import type { GitOptions } from './run-git.ts';
import type { DatedCommit, HistoryScope } from './history.ts';
import { gitEnvironment, gitLogin } from './login.ts';
import { nixAddress } from './nix-address.ts';
import { type GitRemote, gitRemote } from './remote.ts';
import { parseTag } from '../../oci/reference.ts';
import { datedTags, parseDatedTag } from './dated-tag.ts';
import { COMMIT, LATEST, type PackageSource, type Pin, SHORT_COMMIT, SourceError } from '../source.ts';

/** How commits may be asked for: those that a branch or a tag leads to, or any that the remote hands out. */
export type AllowedCommits = 'reachable' | 'any';

interface SourceOptions extends GitOptions {
  /** `reachable` when absent. */
  readonly commits?: AllowedCommits | undefined;
}

/** What the operator may do about a commit that is refused. */
const ANY = 'NIXERY_COMMITS=any allows every commit that it hands out';

/** `NIXERY_PKGS_REPO`: a package set in a git repository. A tag is a branch, a tag, a dated tag or a commit, looked for in this order. */
export function gitSource(address: string, options: SourceOptions): PackageSource {
  const login = gitLogin(address);
  const { url } = login;
  const { commits = 'reachable' } = options;
  const remote = gitRemote(login, { references: ['heads/*', 'tags/*'] }, options);
  return {
    description: url,
    origin: publicOrigin(url),
    isLocal: false,
    isFixed: true,
    identity: { kind: 'git', url },
    commits,
    fetchEnvironment: gitEnvironment(login),
    async pin(reference, { signal } = {}): Promise<Pin> {
      if (reference === LATEST) {
        const head = (await remote.names('HEAD', signal)).get('HEAD');
        return head === undefined
          ? { kind: 'unknown', message: `${url} has no default branch` }
          : { kind: 'pinned', revision: head };
      }
      const names = await remote.names('branches and tags', signal);
      const commit = names.get(`refs/heads/${reference}`) ?? names.get(`refs/tags/${reference}`);
      if (commit !== undefined) return { kind: 'pinned', revision: commit };
      const dated = await datedCommit(remote, reference, signal);
      if (dated !== undefined) return { kind: 'pinned', revision: dated };
      const found = await findCommit(remote, reference, { commits, tips: new Set(names.values()), signal });
      return found.kind === 'unknown' ? { ...found, message: `${url} has no branch, tag or ${found.message}` } : found;
    },
    madeAt: (revision, { signal } = {}) => dateOf(remote, url, revision, signal),
    async references({ signal } = {}) {
      const [names, recent] = await Promise.all([remote.names('branches and tags', signal), remote.recent(signal)]);
      const named = [...names.keys()].map((name) => name.replace(/^refs\/(?:heads|tags)\//, ''));
      const dated = recent === undefined ? [] : datedTags(recent);
      return [...named.filter((name) => parseTag(name) !== undefined), ...dated];
    },
    at: (revision) => ({ kind: 'git', url: nixAddress(url), revision }),
    confirm: () => Promise.resolve(),
  };
}

/** What its branches are called that are channels; `nixos-unstable-small` and `nixpkgs-26.05-darwin` are some. */
const CHANNEL = /^(?:nixos|nixpkgs)-(?:unstable|\d\d\.\d\d)(?:-[a-z]+)*$/;

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
export function channelSource(
  channel: string,
  options: SourceOptions & {
    readonly nowMs?: () => number;
    /** Whether a channel still gets security updates; all do when absent. */
    readonly isMaintained?: (channel: string) => boolean;
  },
  location = NIXPKGS,
): PackageSource {
  const login = gitLogin(location.repositoryUrl);
  const { commits = 'reachable', nowMs = Date.now, isMaintained = () => true } = options;
  const scope = channelHistory(channel, new Date(nowMs()).getUTCFullYear());
  const remote = gitRemote(login, scope, options);
  return {
    description: `nixpkgs (${channel})`,
    hasUnlisted: true,
    // Not its channel: several lead to one commit.
    origin: publicOrigin(login.url),
    isLocal: false,
    isFixed: true,
    identity: { kind: 'nixpkgs', repository: login.url },
    commits,
    fetchEnvironment: gitEnvironment(login),
    async pin(reference, { signal } = {}): Promise<Pin> {
      const wanted = reference === LATEST ? channel : reference;
      const names = await remote.names('branches and tags', signal);
      const commit = names.get(`refs/heads/${wanted}`);
      if (commit !== undefined) return { kind: 'pinned', revision: commit };
      // What the operator chose may be any commit.
      const allowed = wanted === channel ? 'any' : commits;
      const found = await findCommit(remote, wanted, { commits: allowed, tips: new Set(names.values()), signal });
      if (found.kind === 'pinned') return found;
      const where = scope.references.map((name) => name.replace('heads/', '')).join(' or ');
      const bounds =
        SHORT_COMMIT.test(wanted) || COMMIT.test(wanted) ? `; looked for in ${where} since ${scope.since}` : '';
      return { kind: 'unknown', message: `nixpkgs has no channel or ${found.message}${bounds}` };
    },
    madeAt: (revision, { signal } = {}) => dateOf(remote, login.url, revision, signal),
    async references({ signal } = {}) {
      const names = [...(await remote.names('branches and tags', signal)).keys()];
      const channels = names.map((name) => /^refs\/heads\/(.+)$/.exec(name)?.[1]).filter((name) => name !== undefined);
      return channels.filter((name) => CHANNEL.test(name) && isMaintained(name));
    },
    at: (revision) => ({ kind: 'tarball', url: location.archiveUrl(revision) }),
    confirm: () => Promise.resolve(),
  };
}

/**
 * The commits of nixpkgs that are looked at: of master, which all unstable channels come from, and of the configured
 * channel, since the beginning of last year, or of the year of an older channel. All of them would be some 300 MB
 * (docs/adr/0017).
 */
function channelHistory(channel: string, year: number): HistoryScope & { readonly since: string } {
  const release = /\b(\d\d)\.\d\d\b/.exec(channel)?.[1];
  const from = Math.min(year - 1, release === undefined ? Infinity : 2000 + Number(release));
  const branch = COMMIT.test(channel) || SHORT_COMMIT.test(channel) ? [] : [`heads/${channel}`];
  const references = [...new Set(['heads/master', ...branch])];
  return { references, since: `${from}-01-01` };
}

/** The commit of a tag that says when it was made; undefined when it is no such tag, or what it says is not so. */
async function datedCommit(remote: GitRemote, reference: string, signal?: AbortSignal): Promise<string | undefined> {
  const dated = parseDatedTag(reference);
  if (dated === undefined) return undefined;
  const recent = await remote.recent(signal);
  if (recent?.branch !== dated.branch) return undefined;
  const isMeant = ({ commit, madeAtS }: DatedCommit): boolean =>
    commit.startsWith(dated.shortCommit) && madeAtS === dated.madeAtS;
  const commits = recent.commits.some(isMeant) ? recent.commits : await remote.meant(dated.shortCommit, signal);
  return commits.find(isMeant)?.commit;
}

/** A reference that is the name of nothing, as a commit. The message goes on behind "has no branch or". */
async function findCommit(
  remote: GitRemote,
  reference: string,
  how: {
    readonly commits: AllowedCommits;
    readonly tips: ReadonlySet<string>;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Pin> {
  const { commits, tips, signal } = how;
  const shown = JSON.stringify(reference);
  if (COMMIT.test(reference)) {
    // Where a name leads to itself, no history is asked.
    if (tips.has(reference)) return { kind: 'pinned', revision: reference };
    if (commits === 'any') {
      return (await remote.handedOut(reference, signal)) === undefined
        ? { kind: 'unknown', message: `commit ${shown}` }
        : { kind: 'pinned', revision: reference };
    }
    const meant = await remote.meant(reference, signal);
    if (meant.some(({ commit }) => commit === reference)) return { kind: 'pinned', revision: reference };
    return { kind: 'unknown', message: `commit ${shown} that a branch or a tag leads to (${ANY})` };
  }
  if (!SHORT_COMMIT.test(reference)) return { kind: 'unknown', message: `commit ${shown}` };
  const [only, ...others] = await remote.meant(reference, signal);
  if (only === undefined) return { kind: 'unknown', message: `commit ${shown} that a branch or a tag leads to` };
  if (others.length > 0) return { kind: 'unknown', message: `single commit ${shown}: ${others.length + 1} begin so` };
  return { kind: 'pinned', revision: only.commit };
}

/** The date of a commit. A remote that hands out none by itself has it in its history. */
async function dateOf(remote: GitRemote, url: string, commit: string, signal?: AbortSignal): Promise<number> {
  const handedOut = await remote.handedOut(commit, signal);
  if (handedOut !== undefined) return handedOut;
  const found = (await remote.meant(commit, signal)).find((one) => one.commit === commit);
  if (found === undefined) throw new SourceError(`the package source ${url} has commit ${commit} no more`);
  return found.madeAtS;
}

/** A URL that leads to another machine, without a user; undefined for a folder of this one. */
function publicOrigin(url: string): string | undefined {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/@]*@)?(.+)$/i.exec(url) ?? [];
  return scheme === '' || /^(git\+)?file$/i.test(scheme) ? undefined : `${scheme}://${rest}`;
}
