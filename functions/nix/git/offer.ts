import { join } from 'node:path';
import { keyHash } from '../../storage/record.ts';
import { type Batched, batched } from './batches.ts';
import { type GitCommand, IN_OWN_FOLDER } from './run-git.ts';

const OFFER_TIMEOUT_MS = 60_000;

/**
 * Fetches each commit that is asked for by itself, into a repository that is thrown away, and prints those that came, each with
 * its date. Only what the remote says that it has not, or does not give, counts as not there.
 *
 * @see gitprotocol-v2(5), and upload-pack.c and fetch-pack.c of git for the words
 */
const OFFER = `${IN_OWN_FOLDER}
trap 'cd / && rm -rf "$folder"' EXIT
rm -rf "$folder"
open
for asked; do
  if said=$(remote fetch --quiet --depth=1 --no-tags --no-write-fetch-head --filter=tree:0 origin "$asked" 2>&1); then
    if [ "$(git cat-file -t "$asked")" = commit ]; then echo "$asked $(git log -1 --format=%ct "$asked")"; fi
  else
    case $said in
      *"not our ref $asked"*|*"unadvertised object $asked"*|*"couldn't find remote ref $asked"*) ;;
      *) echo "$said" >&2; exit 1 ;;
    esac
  fi
done
`;

/**
 * When a commit was made, given with its 40 digits, where the remote hands it out, whatever leads to it: in seconds since
 * 1970. Undefined where it does not.
 *
 * @throws SourceError when the remote cannot be asked
 */
export function gitOffer(
  git: GitCommand,
  { url, cacheFolder }: { readonly url: string; readonly cacheFolder: string },
): Batched<number | undefined> {
  const folder = join(cacheFolder, 'commits', `${keyHash({ url }).slice(0, 16)}-asked`);
  return batched(async (asked, signal) => {
    const args = ['-ec', OFFER, 'sh', folder, ...asked];
    const lines = (await git('sh', args, { timeoutMs: OFFER_TIMEOUT_MS, signal })).split('\n');
    const given = new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), Number(line.split(' ')[1])]));
    return (one) => given.get(one);
  });
}
