import { batched } from './batches.ts';
import { gitCommand, type GitOptions } from './run-git.ts';
import { type DatedCommit, gitHistory, type HistoryScope } from './history.ts';
import type { GitLogin } from './login.ts';
import { gitOffer } from './offer.ts';
import { gitRecent, type RecentCommits } from './recent.ts';

/**
 * Asks a git remote what its references mean, without fetching its files. However many ask, one process of each kind works
 * for them, for each of the questions.
 */
export interface GitRemote {
  /** Its commits by the names of its branches and tags, as `refs/heads/main`, and `HEAD`; tags lead to their commit. */
  names(of: 'HEAD' | 'branches and tags', signal?: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** The commits that a full or abbreviated commit may mean, of those that count. */
  meant(commit: string, signal?: AbortSignal): Promise<readonly DatedCommit[]>;
  /** Is there such a commit at all? `commit` has 40 digits. When it was made, in seconds since 1970, where there is. */
  handedOut(commit: string, signal?: AbortSignal): Promise<number | undefined>;
  /** The last commits of the default branch; undefined where there is none. */
  recent(signal?: AbortSignal): Promise<RecentCommits | undefined>;
}

/** How long a remote may take to tell its references. */
const NAMES_TIMEOUT_MS = 60_000;

/** Every question throws SourceError when the remote cannot be asked. */
export function gitRemote(login: GitLogin, scope: HistoryScope, options: GitOptions): GitRemote {
  const { url } = login;
  const { cacheFolder } = options;
  const git = gitCommand(login, options);
  const list = batched(async (kinds, signal) => {
    const listed = new Map<string, ReadonlyMap<string, string>>();
    for (const kind of kinds) {
      // Patterns would make the remote send all that it has, those of pull requests included.
      const which = kind === 'HEAD' ? ['--', url, 'HEAD'] : ['--heads', '--tags', '--', url];
      listed.set(
        kind,
        commitsOf(await git('git', ['ls-remote', '--quiet', ...which], { timeoutMs: NAMES_TIMEOUT_MS, signal })),
      );
    }
    return (kind) => listed.get(kind) ?? new Map<string, string>();
  });
  const meant = gitHistory(git, { url, cacheFolder, scope });
  const handedOut = gitOffer(git, { url, cacheFolder });
  const recent = gitRecent(git, { url, cacheFolder });
  return { names: list, meant, handedOut, recent: (signal) => recent('', signal) };
}

/** A peeled tag stands behind the tag itself, as refs/tags/v1^{}. */
function commitsOf(printed: string): Map<string, string> {
  const commits = new Map<string, string>();
  for (const line of printed.split('\n')) {
    const [commit, name] = line.split('\t');
    if (commit !== undefined && name !== undefined) commits.set(name.replace(/\^\{\}$/, ''), commit);
  }
  return commits;
}
