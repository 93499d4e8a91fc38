import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readRange } from '../../functions/answers/range.ts';

describe('a Range header for 10 bytes', () => {
  const whole = { kind: 'whole' };
  const unsatisfiable = { kind: 'unsatisfiable' };
  const part = (start: number, end: number) => ({ kind: 'part', start, end });
  for (const [header, wanted] of [
    [undefined, whole],
    ['bytes=0-', part(0, 9)],
    ['bytes=0-0', part(0, 0)],
    ['bytes=3-100', part(3, 9)],
    ['bytes=-4', part(6, 9)],
    ['bytes=9-9', part(9, 9)],
    ['bytes=10-', unsatisfiable],
    ['bytes=20-30', unsatisfiable],
    ['bytes=0-1,3-4', whole],
    ['items=0-1', whole],
    ['bytes=x', whole],
    ['nonsense', whole],
  ] as const) {
    it(`${String(header)} wants ${JSON.stringify(wanted)}`, () => {
      assert.deepEqual(readRange(header, 10), wanted);
    });
  }

  it('cannot be satisfied by an empty blob', () => {
    assert.deepEqual(readRange('bytes=0-0', 0), unsatisfiable);
  });
});
