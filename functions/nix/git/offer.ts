import { join } from 'node:path';
import { keyHash } from '../../storage/record.ts';
import { type Batched, batched } from './batches.ts';
import { type GitCommand, IN_OWN_FOLDER } from './run-git.ts';

const OFFER_TIMEOUT_MS = 60_000;

/**
 * Fetches each commit that is asked for by itself, into a repository that is thrown away, and prints those that came. Only
 * what the remote says that it has not, or does not give, counts as not there.
 *
 * @see gitprotocol-v2(5), and upload-pack.c and fetch-pack.c of git for the words
 */
const OFFER = `${IN_OWN_FOLDER}
trap 'cd / && rm -rf "$folder"' EXIT
rm -rf "$folder"
open
for asked; do
  if said=$(remote fetch --quiet --depth=1 --no-tags --no-write-fetch-head --filter=tree:0 origin "$asked" 2>&1); then
    if [ "$(git cat-file -t "$asked")" = commit ]; then echo "$asked"; fi
  else
    case $said in
      *"not our ref $asked"*|*"unadvertised object $asked"*|*"couldn't find remote ref $asked"*) ;;
      *) echo "$said" >&2; exit 1 ;;
    esac
  fi
done
`;

/**
 * Whether the remote hands out a commit, given with its 40 digits, whatever leads to it.
 *
 * @throws SourceError when the remote cannot be asked
 */
export function gitOffer(
  git: GitCommand,
  { url, cacheFolder }: { readonly url: string; readonly cacheFolder: string },
): Batched<boolean> {
  const folder = join(cacheFolder, 'commits', `${keyHash({ url }).slice(0, 16)}-asked`);
  return batched(async (asked, signal) => {
    const args = ['-ec', OFFER, 'sh', folder, ...asked];
    const given = new Set((await git('sh', args, { timeoutMs: OFFER_TIMEOUT_MS, signal })).split('\n'));
    return (one) => given.has(one);
  });
}
