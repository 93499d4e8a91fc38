import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { afterMark } from '../../../functions/nix/ahead/after-mark.ts';

const MARK = 'it waits\n';

/** What is told before and after, of a text that comes in these pieces. */
function divided(pieces: readonly string[]): [before: string, after: string] {
  const told: [string, string] = ['', ''];
  const add = afterMark(MARK, {
    before: (chunk) => (told[0] += chunk.toString('latin1')),
    after: (chunk) => (told[1] += chunk.toString('latin1')),
  });
  for (const piece of pieces) add(Buffer.from(piece, 'latin1'));
  return told;
}

describe('what comes after a mark', () => {
  it('is told whole, however the text is cut, and nothing else is', () => {
    const text = fc
      .array(fc.constantFrom('i', 'it ', 'it waits', '\n', MARK, 'a warning\n', '\xff'))
      .map((all) => all.join(''));
    const cuts = fc.array(fc.nat({ max: 40 }));
    fc.assert(
      fc.property(text, cuts, (text, cuts) => {
        const at = [...new Set([0, ...cuts.filter((cut) => cut < text.length), text.length])].sort((a, b) => a - b);
        const pieces = at.slice(1).map((end, index) => text.slice(at[index], end));
        const end = text.indexOf(MARK) === -1 ? text.length : text.indexOf(MARK) + MARK.length;
        assert.deepEqual(divided(pieces), [text.slice(0, end), text.slice(end)]);
      }),
    );
  });

  it('is told at once, also of the piece that has the mark', () => {
    assert.deepEqual(divided([`first warning\n${MARK}second warning\n`]), [
      `first warning\n${MARK}`,
      'second warning\n',
    ]);
  });
});
