import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { format, inspect } from 'node:util';
import { pino } from 'pino';
import { Secret } from '../../functions/access/secret.ts';

describe('a secret', () => {
  const secret = new Secret('hunter2');

  it('is shown by nothing', () => {
    const lines: string[] = [];
    pino({}, { write: (line) => lines.push(line) }).info(
      { secret, err: Object.assign(new Error('x'), { secret }) },
      'y',
    );
    const shown = [
      String(secret),
      JSON.stringify({ secret, list: [secret] }),
      inspect({ secret }, { depth: 9, showHidden: true }),
      format('%s %o %O %j', secret, secret, secret, secret),
      JSON.stringify(Object.entries(secret)),
      ...lines,
    ].join('\n');
    assert.doesNotMatch(shown, /hunter2/);
    assert.match(shown, /\[secret\]/);
    assert.equal(lines.length, 1);
  });

  it('is had by exposing it', () => {
    assert.equal(secret.expose(), 'hunter2');
  });
});
