import { join } from 'node:path';
import { keyHash } from '../../storage/record.ts';
import { type Batched, batched } from './batches.ts';
import type { DatedCommit } from './history.ts';
import { type GitCommand, IN_OWN_FOLDER } from './run-git.ts';

/** The default branch, and the commits that it was at, the newest first. */
export interface RecentCommits {
  readonly branch: string;
  readonly commits: readonly DatedCommit[];
}

/** Commits that are listed: what deploys the newest wants the first of them. */
const MAX_COMMITS = 100;
const RECENT_TIMEOUT_MS = 60_000;

/**
 * Fetches the last commits of the default branch, without trees and files, into a repository that is thrown away, and prints the
 * branch and the commits with their dates. Of a merge, what was merged was never the branch.
 */
const RECENT = `${IN_OWN_FOLDER}
trap 'cd / && rm -rf "$folder"' EXIT
rm -rf "$folder"
count=$1
open
remote ls-remote --quiet --symref origin HEAD >"$folder/head"
head=$(sed -n "s,^ref: refs/heads/\\([^\t]*\\)\tHEAD$,\\1,p" "$folder/head")
[ -n "$head" ] || exit 0
echo "$head"
remote fetch --quiet --depth="$count" --no-tags --no-write-fetch-head --filter=tree:0 origin "+refs/heads/$head:refs/heads/$head"
git log --first-parent --max-count="$count" --format='%H %ct' "refs/heads/$head"
`;

/**
 * The last commits of the default branch; undefined where the remote has none. Whatever is asked, the answer is the same.
 *
 * @throws SourceError when the remote cannot be asked
 */
export function gitRecent(
  git: GitCommand,
  { url, cacheFolder }: { readonly url: string; readonly cacheFolder: string },
): Batched<RecentCommits | undefined> {
  const folder = join(cacheFolder, 'commits', `${keyHash({ url }).slice(0, 16)}-recent`);
  return batched(async (_asked, signal) => {
    const args = ['-ec', RECENT, 'sh', folder, String(MAX_COMMITS)];
    const [branch = '', ...lines] = (await git('sh', args, { timeoutMs: RECENT_TIMEOUT_MS, signal }))
      .trim()
      .split('\n');
    const commits = lines.map((line) => {
      const [commit = '', time] = line.split(' ');
      return { commit, madeAtS: Number(time) };
    });
    return () => (branch === '' ? undefined : { branch, commits });
  });
}
