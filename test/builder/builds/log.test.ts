import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type BuildLog, buildLog } from '../../../functions/builder/builds/log.ts';

const add = (log: BuildLog, text: string) => {
  log.add(Buffer.from(text));
};
const never = new AbortController().signal;

describe('the log of a build', () => {
  it('has the same lines however its bytes are cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'ä', '😀', '\n') }), fc.array(fc.nat(7)), (text, cuts) => {
        const log = buildLog();
        const bytes = Buffer.from(text);
        let at = 0;
        for (const length of cuts) {
          log.add(bytes.subarray(at, at + length));
          at += length;
        }
        log.add(bytes.subarray(at));
        log.end();
        assert.equal(log.from(0).lines.join('\n'), text.endsWith('\n') ? text.slice(0, -1) : text);
      }),
    );
  });

  it('keeps the beginning of a line of megabytes, and says how long it was', () => {
    const log = buildLog();
    for (let piece = 0; piece < 3_000; piece++) add(log, 'x'.repeat(1_000));
    add(log, '\nnext\n');
    const [long = '', next] = log.from(0).lines;
    assert.equal(long, `${'x'.repeat(2_000)} … (2998000 more characters)`);
    assert.equal(next, 'next');
  });

  it('keeps the end of a flood, in bounded memory, and says how many lines are gone', () => {
    const log = buildLog();
    for (let line = 0; line < 100_000; line++) add(log, `line ${line}\n`);
    const { lines, lost, next } = log.from(0);
    assert.equal(next, 100_000);
    assert.equal(lost + lines.length, 100_000);
    assert.equal(lines.at(-1), 'line 99999');
    assert.equal(lines[0], `line ${lost}`);
    assert.ok(log.characters <= 512 * 1024 && lines.length > 1_000, `${log.characters} characters`);
    assert.deepEqual(log.from(lost - 1), { lines, lost: 1, next });
    assert.deepEqual(log.from(99_999), { lines: ['line 99999'], lost: 0, next });
  });

  it('has the last state of a progress bar, and no password of a URL', () => {
    const log = buildLog();
    add(log, '10 %\r50 %\r');
    add(log, '100 %\r\nfetching https://user:secret@example.com/x\n');
    assert.deepEqual(log.from(0).lines, ['100 %', 'fetching https://example.com/x']);
  });

  it('has no password of a URL at which a long line is cut off', () => {
    const log = buildLog();
    add(log, `${'x'.repeat(1980)} https://user:secret@example.com/x\n`);
    add(log, `${'x'.repeat(1980)} https://example.com/x is a long line\n`);
    const [secret = '', harmless = ''] = log.from(0).lines;
    assert.match(secret, /^x+ https:\/\/ … \(\d+ more characters\)$/);
    assert.match(harmless, /https:\/\/ … \(\d+ more characters\)$/);
  });

  it('wakes who waits for more, at a line, at its end and when the wait is over', async () => {
    const log = buildLog();
    let isAwake = false;
    const waiting = log.moreThan(0, never).then(() => (isAwake = true));
    add(log, 'no end of line yet');
    await Promise.resolve();
    add(log, '\n');
    await waiting;
    assert.ok(isAwake);
    await log.moreThan(0, never);
    const abort = new AbortController();
    const aborted = log.moreThan(1, abort.signal);
    abort.abort();
    await aborted;
    const ending = log.moreThan(1, never);
    log.end();
    await ending;
    assert.ok(log.ended);
  });
});
