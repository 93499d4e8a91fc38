/** User and password in a URL, as git and Nix print it when they cannot reach it. */
const USER_OF_URL = /(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@'"]+@/gi;

/** The same text with users and passwords taken out of its URLs. */
export function withoutPasswords(text: string): string {
  // Most lines have none, and a build may print millions.
  return text.includes('@') ? text.replaceAll(USER_OF_URL, '$1') : text;
}
