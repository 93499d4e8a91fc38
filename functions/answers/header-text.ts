const MAX_HEADER_CHARACTERS = 500;

/** A text as it may stand in a quoted string of a header (RFC 9110, section 5.6.4), on one line. */
export function headerText(text: string): string {
  return text.replace(/[^ !#-[\]-~]+/g, ' ').slice(0, MAX_HEADER_CHARACTERS);
}
