import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { errorAnswer } from '../functions/answers/error.ts';
import { printable } from '../functions/printable.ts';

describe('a text that goes to a terminal', () => {
  for (const [text, shown] of [
    ['plain text, ümlauts, 漢字, tab\tand\nlines', 'plain text, ümlauts, 漢字, tab\tand\nlines'],
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007after', 'after'],
    ['50%\r100%\r\nend', '50%\n100%\nend'],
    ['a\u0000b\u0008c\u009bd', 'a\ufffdb\ufffdc\ufffdd'],
    ['photo\u202egnp.exe', 'photo\ufffdgnp.exe'],
  ] as const) {
    it(`is ${JSON.stringify(shown)} for ${JSON.stringify(text)}`, () => {
      assert.equal(printable(text), shown);
    });
  }

  it('holds no control character, and stays as it is without any', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = printable(text);
        assert.doesNotMatch(shown, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
        assert.equal(printable(shown), shown);
      }),
    );
  });

  it('is what an error says, in its message and in its log', () => {
    const { body, reason } = errorAnswer('MANIFEST_INVALID', 'bad \u001b[31mred', { log: ['\u001b]0;x\u0007line'] });
    assert.ok(Buffer.isBuffer(body));
    const [error] = (JSON.parse(body.toString()) as { errors: unknown[] }).errors;
    assert.deepEqual(error, { code: 'MANIFEST_INVALID', message: 'bad red', detail: { log: ['line'] } });
    assert.equal(reason, 'bad red');
  });
});
