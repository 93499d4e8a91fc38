import { printable } from '../printable.ts';
import { type Html, html } from './html.ts';

/** A piece of a line, and how it is to look: classes of the stylesheet, parted by blanks; plain when absent. */
export type LogPiece = readonly [text: string] | readonly [text: string, look: string];

/** Select Graphic Rendition (ECMA-48, 8.3.117). */
const SGR = /\x1b\[([\d;:]*)m/;
/** So many parameters say nothing that is worth reading. */
const MAX_PARAMETERS = 16;

/**
 * A line of a build's log as it is shown: the sixteen colours and bold of escape codes are kept, and all else that a
 * terminal would act on is taken out.
 */
export function logPieces(line: string): readonly LogPiece[] {
  const pieces: LogPiece[] = [];
  let colour = '';
  let isBold = false;
  // With a group in it, split() gives texts and parameters by turns.
  for (const [index, part] of line.split(SGR).entries()) {
    if (index % 2 === 0) {
      const text = printable(part);
      const look = [colour, isBold ? 'bold' : ''].filter((one) => one !== '').join(' ');
      if (text !== '') pieces.push(look === '' ? [text] : [text, look]);
      continue;
    }
    const codes = part.split(/[;:]/).slice(0, MAX_PARAMETERS).map(Number);
    for (let at = 0; at < codes.length; at++) {
      const code = codes[at] ?? 0;
      if (code === 0) [colour, isBold] = ['', false];
      else if (code === 1) isBold = true;
      else if (code === 22) isBold = false;
      else if (code === 39) colour = '';
      else if (code >= 30 && code <= 37) colour = `c${code - 30}`;
      else if (code >= 90 && code <= 97) colour = `c${code - 90}`;
      // A colour out of many: its parameters are no codes.
      else if (code === 38 || code === 48) at += codes[at + 1] === 2 ? 4 : 2;
    }
  }
  return pieces;
}

export function logLine(line: string): Html {
  const pieces = logPieces(line).map(([text, look]) =>
    look === undefined ? text : html`<span class="${look}">${text}</span>`,
  );
  return html`${pieces}${'\n'}`;
}
