import { parseTag } from '../../oci/reference.ts';
import type { DatedCommit } from './history.ts';
import type { RecentCommits } from './recent.ts';

/** `BRANCH-UNIXTIME-SHORTCOMMIT`: a commit of a branch as a tag that what deploys images can sort, by the time when it was made. */
export interface DatedTag {
  readonly branch: string;
  /** In seconds since 1970. */
  readonly madeAtS: number;
  readonly shortCommit: string;
}

/** Of a commit so many digits are enough in any repository. */
const SHORT_DIGITS = 12;

const DATED = /^(.+)-(\d{1,12})-([0-9a-f]{12})$/;

/** Reads a tag; undefined when it is of another kind. */
export function parseDatedTag(tag: string): DatedTag | undefined {
  const [, branch, time, shortCommit] = DATED.exec(tag) ?? [];
  if (branch === undefined || time === undefined || shortCommit === undefined) return undefined;
  // One commit has one such tag.
  return String(Number(time)) === time ? { branch, madeAtS: Number(time), shortCommit } : undefined;
}

/** The tag of a commit; undefined where there is none, as for a branch with a slash. */
function datedTag(branch: string, { commit, madeAtS }: DatedCommit): string | undefined {
  const tag = `${branch}-${madeAtS}-${commit.slice(0, SHORT_DIGITS)}`;
  return parseTag(tag) !== undefined && parseDatedTag(tag)?.branch === branch ? tag : undefined;
}

/**
 * The tags of the last commits. One that is dated later than what came behind it, by a clock that was wrong or in the same
 * second, is left out: the newest is always the last in order.
 */
export function datedTags({ branch, commits }: RecentCommits): readonly string[] {
  const tags: string[] = [];
  let before = Infinity;
  for (const one of commits) {
    if (!(one.madeAtS < before)) continue;
    before = one.madeAtS;
    const tag = datedTag(branch, one);
    if (tag !== undefined) tags.push(tag);
  }
  return tags;
}
