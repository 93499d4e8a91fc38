import { stripVTControlCharacters } from 'node:util';

/**
 * A text of others as it may go to a terminal: without escape sequences, which move the cursor, name the window or worse,
 * without other control characters but line feeds and tabs, and without the marks that turn the direction of writing,
 * which make a line read as another.
 */
export function printable(text: string): string {
  if (!UNPRINTABLE.test(text)) return text;
  return stripVTControlCharacters(text).replace(/\r\n?/g, '\n').replaceAll(new RegExp(UNPRINTABLE, 'g'), '\ufffd');
}

const UNPRINTABLE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
