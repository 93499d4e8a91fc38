import { MAX_REPOSITORY_CHARACTERS } from '../oci/reference.ts';
import type { Invalid } from './outcome.ts';

/** Of a name that is none. */
export function invalidName(text: string): Invalid {
  const message =
    text.length > MAX_REPOSITORY_CHARACTERS
      ? `an image's name has at most ${MAX_REPOSITORY_CHARACTERS} characters`
      : text === ''
        ? 'the image has no name; its name is its contents, as in shell/git'
        : `${quote(text)} is not an image's name: lower-case letters, digits and single . _ - inside, parted by /`;
  return { kind: 'name-invalid', message };
}

/** Of a tag or a digest that is none. */
export function invalidReference(text: string): Invalid {
  return text.includes(':')
    ? invalidDigest(text)
    : {
        kind: 'reference-invalid',
        message: `${quote(text)} is not a tag: letters, digits, . _ -, at most 128 characters`,
      };
}

/** Of a digest that is none. */
export function invalidDigest(text: string): Invalid {
  return { kind: 'digest-invalid', message: `${quote(text)} is not a digest: sha256: and 64 hexadecimal digits` };
}

/** A caller's text, short enough for a message. */
function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
