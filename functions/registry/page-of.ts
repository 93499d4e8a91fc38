/** A page of tags, and where the next one begins; there is none behind the last. */
export interface TagsPage {
  readonly tags: readonly string[];
  readonly next?: { readonly n: number; readonly last: string };
}

/**
 * distribution-spec 1.1, "Listing Tags": `last` is exclusive and need not be there, and `n=0` gives nothing and no next page.
 *
 * @param all in byte order
 */
export function pageOf(all: readonly string[], n: number | undefined, last: string | undefined): TagsPage {
  const ahead = last === undefined ? all : all.filter((tag) => tag > last);
  if (n === undefined || n >= ahead.length) return { tags: ahead };
  const tags = ahead.slice(0, n);
  const end = tags.at(-1);
  return end === undefined ? { tags } : { tags, next: { n, last: end } };
}
