/** The state of the page, which is all in its address. */
export interface ComposeState {
  /** As it was typed. */
  readonly name: string;
  readonly tag: string;
  readonly query: string;
}

/** Where the page is in this state. */
export function addressOf({ name, tag, query }: ComposeState): string {
  const search = new URLSearchParams();
  if (name !== '') search.set('name', name);
  if (tag !== 'latest') search.set('tag', tag);
  if (query !== '') search.set('q', query);
  // Slashes and colons mean nothing in a query, and are what people read.
  const text = search.toString().replaceAll('%2F', '/');
  return text === '' ? '/' : `/?${text}`;
}

/** What a name consists of, once each. */
export function partsOf(name: string): readonly string[] {
  return [...new Set(name.split('/').map((part) => part.trim()))].filter((part) => part !== '');
}

/** A name without one of its parts. */
export function without(name: string, part: string): string {
  return partsOf(name)
    .filter((one) => one !== part)
    .join('/');
}

/** A name with another part in the place of one. */
export function replaced(name: string, part: string, other: string): string {
  return partsOf(name)
    .map((one) => (one === part ? other : one))
    .join('/');
}
