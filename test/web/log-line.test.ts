import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { logLine, logPieces } from '../../functions/web/log-line.ts';

describe('a line of a log', () => {
  for (const [what, line, pieces] of [
    ['plain text', 'a <b> & c', [['a <b> & c']]],
    ['a colour, until it is reset', 'a\x1b[31mred\x1b[0mz', [['a'], ['red', 'c1'], ['z']]],
    [
      'bold and colour together',
      '\x1b[1;92mgreen\x1b[22mnot\x1b[39mplain',
      [['green', 'c2 bold'], ['not', 'c2'], ['plain']],
    ],
    ['a colour out of many, which is left out', '\x1b[38;5;31mx\x1b[38;2;1;32;3my\x1b[0m', [['x'], ['y']]],
    ['a window title and cursor movements, which are taken out', 'a\x1b]0;title\x07b\x1b[2Kc\x1b[10;3Hd', [['abcd']]],
    ['an empty line', '', []],
  ] as const) {
    it(`has ${what}`, () => {
      assert.deepEqual(logPieces(line), pieces);
    });
  }

  it('is text in HTML, and ends', () => {
    assert.equal(logLine('\x1b[31m<i>&"').html, '<span class="c1">&lt;i&gt;&amp;&quot;</span>\n');
  });

  it('never has what a terminal or a browser would act on, whatever a build prints', () => {
    const nasty = fc.array(
      fc.constantFrom('\x1b', '[', '31', ';', 'm', '\x07', ']0;', '<', '&', '"', 'x', '\u202e', '\x9b'),
    );
    fc.assert(
      fc.property(nasty, (parts) => {
        const { html } = logLine(parts.join(''));
        assert.doesNotMatch(
          html.replace(/<span class="[a-z0-9 ]+">|<\/span>/g, ''),
          /[\x00-\x09\x0b-\x1f\x7f-\x9f<\u202e]/,
        );
      }),
    );
  });
});
