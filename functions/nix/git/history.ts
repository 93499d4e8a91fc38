import { join } from 'node:path';
import { keyHash } from '../../storage/record.ts';
import { type Batched, batched } from './batches.ts';
import { type GitCommand, IN_OWN_FOLDER } from './run-git.ts';

/** Which commits count: those that these references of the remote lead to. */
export interface HistoryScope {
  /** Under `refs/`, as `heads/main` or `tags/*`. */
  readonly references: readonly string[];
  /** None that was made before, as `2025-01-01`; all when absent. Each of the references leads to one that was made later. */
  readonly since?: string | undefined;
}

/** The first fetch of a long history may take minutes; who pulls is sent on meanwhile, and one that stalls ends sooner. */
const HISTORY_TIMEOUT_MS = 15 * 60_000;

/**
 * Brings the commits up to date, without trees and files, and prints for each that was asked which commits it may mean: those
 * whose names begin so, and which a reference leads to, each with its date. What is broken here is fetched anew.
 *
 * Between two fetches git does not know that what is missing here can be fetched: it would look for it at the remote, so that
 * what was asked changes what is here, and for what is broken it starts itself again and again, without an end (git 2.39).
 */
const HISTORY = `${IN_OWN_FOLDER}
start() {
  open || return
  git config --remove-section remote.origin 2>/dev/null || :
  git config --unset-all extensions.partialClone || :
}
answer() {
  for asked; do
    for object in $(git rev-parse --disambiguate="$asked"); do
      if [ "$(git cat-file -t "$object")" = commit ]; then
        found=$(git for-each-ref --count=1 --contains="$object")
        [ -z "$found" ] || echo "$asked $object $(git log -1 --format=%ct "$object")"
      fi
    done
  done
}
since=\${1:+--shallow-since=$1}; references=$2; left=$3; shift 3
rm -rf "$left"
set -f
if ! { start && git -c core.commitGraph=false rev-list --count --all; } >/dev/null 2>&1; then
  cd / && rm -rf "$folder"
fi
start
remote fetch --quiet --prune --no-tags --no-write-fetch-head --filter=tree:0 $since origin $references
start
answer "$@"
`;

/** A commit, and when it was made: in seconds since 1970. */
export interface DatedCommit {
  readonly commit: string;
  readonly madeAtS: number;
}

/**
 * The commits that a full or abbreviated commit means within a history, of which a repository without files is kept.
 *
 * @throws SourceError when the remote, or the repository here, cannot be asked
 */
export function gitHistory(
  git: GitCommand,
  { url, cacheFolder, scope }: { readonly url: string; readonly cacheFolder: string; readonly scope: HistoryScope },
): Batched<readonly DatedCommit[]> {
  const { references, since = '' } = scope;
  const folder = join(cacheFolder, 'commits', keyHash({ url, references, since }).slice(0, 16));
  const refspecs = references.map((reference) => `+refs/${reference}:refs/${reference}`).join(' ');
  // Before, repositories lay here whose configuration may hold a password.
  const left = join(cacheFolder, 'git');

  return batched(async (asked, signal) => {
    const args = ['-ec', HISTORY, 'sh', folder, since, refspecs, left, ...asked];
    const printed = await git('sh', args, { timeoutMs: HISTORY_TIMEOUT_MS, signal });
    const meant = new Map<string, DatedCommit[]>();
    for (const line of new Set(printed.split('\n'))) {
      const [one, commit, time] = line.split(' ');
      if (one === undefined || commit === undefined) continue;
      meant.set(one, [...(meant.get(one) ?? []), { commit, madeAtS: Number(time) }]);
    }
    return (one) => meant.get(one) ?? [];
  });
}
