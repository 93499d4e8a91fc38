/** A URL up to where its user and password begin. */
const SCHEME = String.raw`(\b[a-z][a-z0-9+.-]{0,20}:\/\/)`;
/** User and password in a URL, as git and Nix print it when they cannot reach it. A password may have an `@` itself. */
const USER_OF_URL = new RegExp(String.raw`${SCHEME}[^\s/"<>]+@`, 'gi');
/** The end of a text in the middle of what may be one: its `@` is cut off. */
const CUT_USER_OF_URL = new RegExp(String.raw`${SCHEME}[^\s/"<>]+$`, 'i');

/**
 * The same text with users and passwords taken out of its URLs.
 *
 * @param options `isCut`: the text goes on behind its end, which is not known
 */
export function withoutPasswords(text: string, { isCut = false } = {}): string {
  // Most lines have none, and a build may print millions.
  const whole = text.includes('@') ? text.replaceAll(USER_OF_URL, '$1') : text;
  return isCut ? whole.replace(CUT_USER_OF_URL, '$1') : whole;
}
