/** One stanza of a Packages index: the fields asked for, as they are written there. */
export type Stanza = ReadonlyMap<string, string>;

/**
 * The stanzas of a Packages index, with no other fields than those wanted. Continuation lines are joined with newlines.
 *
 * @see deb822(5)
 */
export function* parseStanzas(text: string, wanted: ReadonlySet<string>): Generator<Stanza, void, undefined> {
  let stanza = new Map<string, string>();
  let field: string | undefined;
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    const first = text.charCodeAt(start);
    if (end === start) {
      if (stanza.size > 0) yield stanza;
      stanza = new Map();
      field = undefined;
    } else if (first === 32 || first === 9) {
      if (field !== undefined) stanza.set(field, `${stanza.get(field) ?? ''}\n${text.slice(start + 1, end)}`);
    } else {
      const colon = text.indexOf(':', start);
      if (colon < 0 || colon > end) throw new Error(`not a field of a Packages index: ${text.slice(start, end)}`);
      const name = text.slice(start, colon);
      field = wanted.has(name) ? name : undefined;
      if (field !== undefined) stanza.set(field, text.slice(colon + 1, end).trim());
    }
    start = end + 1;
  }
  if (stanza.size > 0) yield stanza;
}
