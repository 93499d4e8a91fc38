import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { run } from '../../functions/nix/process/process.ts';
import { ProcessError } from '../../functions/nix/process-error.ts';

const env = { PATH: '/usr/bin:/bin' };
const user = { name: 'nobody', group: 'nogroup' };
const skip = process.getuid?.() === 0 ? false : 'only root can run a process as another user';
const sh = (script: string, ...args: string[]) => run('sh', ['-ec', script, 'sh', ...args], { env, user });

/** The words of every process's command. */
function commandLines(): string[][] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      } catch {
        return []; // It has ended since.
      }
    });
}

describe('a process that runs as another user', { skip }, () => {
  it('is that user, without groups, capabilities or a way to gain any', async () => {
    const status = await run('cat', ['/proc/self/status'], { env, user });
    const uid = (await run('id', ['-u', 'nobody'], { env })).trim();
    const field = (name: string) => new RegExp(`^${name}:[^\\S\\n]*(.*)$`, 'm').exec(status)?.[1]?.trim();
    assert.equal(field('Uid'), Array(4).fill(uid).join('\t'));
    assert.equal(field('Groups'), '');
    assert.equal(field('NoNewPrivs'), '1');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.equal(field(set), '0'.repeat(16), set);
  });

  it('is ended before others when memory runs out', async () => {
    assert.equal((await sh('cat /proc/self/oom_score_adj')).trim(), '1000');
  });

  it('sees neither the environment nor the files of this process', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nixery-user-'));
    try {
      await chmod(folder, 0o755);
      const secret = join(folder, 'key');
      await writeFile(secret, 'secret', { mode: 0o400 });
      for (const path of [secret, `/proc/${process.pid}/environ`, `/proc/${process.pid}/mem`]) {
        await assert.rejects(sh('cat "$1"', path), /Permission denied/, path);
      }
      assert.equal((await sh('env | grep -v -e ^PATH= -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= || true')).trim(), '');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('keeps its limit of memory, and its end is told apart', async () => {
    const limited = { env, user, memoryBytes: 512 * 1024 * 1024 };
    assert.equal((await run('sh', ['-c', 'ulimit -v; id -un'], limited)).trim(), '524288\nnobody');
    const failed = (failure: string) => (error: unknown) => error instanceof ProcessError && error.failure === failure;
    await assert.rejects(run('no-such-program', [], { env, user }), failed('not-found'));
    await assert.rejects(run('false', [], { env, user }), failed('exit'));
  });

  it('is ended by a timeout, with what it started', async () => {
    const seconds = `87654.${process.pid}`;
    const sleepers = () => commandLines().filter((words) => words.includes(seconds) && words.includes('sleep'));
    const running = run('sh', ['-c', `sleep ${seconds} & wait`], { env, user, timeoutMs: 1_000 });
    let seen = 0;
    const look = setInterval(() => (seen = Math.max(seen, sleepers().length)), 50);
    await assert.rejects(running, (error) => error instanceof ProcessError && error.failure === 'timeout');
    clearInterval(look);
    assert.equal(seen, 1);
    assert.equal(sleepers().length, 0);
  });
});
