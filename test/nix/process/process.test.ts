import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { run } from '../../../functions/nix/process/process.ts';
import { LOG_LINES } from '../../../functions/nix/process-error.ts';
import { env, failureOf } from './failure.ts';

const sh = (script: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
  run('sh', ['-c', script], { env, ...options });

/** Is a process with this in its command line alive? */
async function isAlive(marker: string): Promise<boolean> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    // A process may end between the two looks.
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    if (commandLine.includes(marker)) return true;
  }
  return false;
}

describe('a process', () => {
  it('gives what it printed', async () => {
    assert.equal(await sh('echo out; echo err >&2'), 'out');
  });

  it('ends as it should when it prints 20 MB to stderr, also in a single line', async () => {
    assert.equal(
      await sh('yes 0123456789 | head -c 10000000 >&2; head -c 10000000 /dev/zero | tr "\\0" x >&2; echo done'),
      'done',
    );
  });

  it('tells no password of a URL, neither in what it printed nor in how it was called', async () => {
    const url = 'https://user:hunter2@example.com/x';
    const script = 'echo "fatal: cannot reach $1 and git+ssh://hunter2@host/y" >&2; exit 1';
    const error = await failureOf(run('sh', ['-c', script, 'sh', url], { env: { ...env, PASSWORD: 'hunter2' } }));
    assert.deepEqual(error.logTail, ['fatal: cannot reach https://example.com/x and git+ssh://host/y']);
    const lines: string[] = [];
    pino({}, { write: (line) => lines.push(line) }).error({ err: error }, 'failed');
    const missing = await failureOf(run('no-such-program', [url], { env }));
    for (const shown of [inspect(error, { depth: 9, showHidden: true }), inspect(missing, { depth: 9 }), ...lines]) {
      assert.doesNotMatch(shown, /hunter2/);
    }
  });

  for (const [what, password, before] of [
    ['with an @', 'hunter@2', 0],
    ['with an apostrophe', "hunter'2", 0],
    ['where a long line is cut off', 'hunter2', 980],
    ['of which only the end is kept', 'hunter2'.repeat(17_000), 90_000],
  ] as const) {
    it(`tells no password ${what}`, async () => {
      const script =
        'head -c "$1" /dev/zero | tr "\\0" " " >&2; printf "https://user:%s@example.com/x\\n" "$2" >&2; exit 1';
      const error = await failureOf(run('sh', ['-c', script, 'sh', String(before), password], { env }));
      assert.doesNotMatch(error.logTail.join('\n'), /hunter|2@/);
    });
  }

  it('fails with the last lines of its stderr', async () => {
    const error = await failureOf(sh('seq 1 5000 >&2; echo the end >&2; exit 3'));
    assert.equal(error.failure, 'exit');
    assert.equal(error.logTail.length, LOG_LINES);
    assert.deepEqual(error.logTail.slice(-2), ['5000', 'the end']);
    assert.match(error.message, /^sh: failed: the end$/);
  });

  it('sees only the environment that it is given', async () => {
    process.env['NIXERY_TEST_SECRET'] = 'secret';
    assert.equal(await sh('echo "[$NIXERY_TEST_SECRET]"'), '[]');
  });

  it('that does not exist is said to be missing', async () => {
    assert.equal((await failureOf(run('nixery-no-such-program', [], { env }))).failure, 'not-found');
  });

  it('that takes too long is ended with all that it started', async () => {
    const marker = `1111.${process.pid}`;
    const error = await failureOf(sh(`(sleep ${marker}; true) & sleep ${marker}`, { timeoutMs: 300 }));
    assert.equal(error.failure, 'timeout');
    await sleep(50);
    assert.equal(await isAlive(marker), false);
  });

  it('is ended by an abort, and killed when it does not mind', async () => {
    const marker = `2222.${process.pid}`;
    const stop = new AbortController();
    const running = failureOf(
      sh(`trap "" TERM; (trap "" TERM; sleep ${marker}); sleep ${marker}`, { signal: stop.signal }),
    );
    await sleep(300);
    assert.equal(await isAlive(marker), true);
    stop.abort();
    assert.equal((await running).failure, 'aborted');
    await sleep(50);
    assert.equal(await isAlive(marker), false);
  });
});
