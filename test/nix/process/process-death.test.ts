import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectFolder } from '../../support/service/registry-process.ts';

/** How many processes have this in their command. */
async function alive(marker: string): Promise<number> {
  const found = (await readdir('/proc')).map(async (pid) =>
    /^\d+$/.test(pid) && (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).includes(marker) ? 1 : 0,
  );
  return (await Promise.all(found)).reduce<number>((sum, one) => sum + one, 0);
}

describe('a process of a server that is killed', () => {
  for (const user of [undefined, { name: 'nobody', group: 'nogroup' }]) {
    const skip = user !== undefined && process.getuid?.() !== 0 ? 'only root can run a process as another user' : false;
    it(
      `dies with it, though it ignores SIGTERM, ${user ? 'as another user' : 'as the same user'}`,
      { skip },
      async () => {
        const marker = `5555.${process.pid}`;
        const options = JSON.stringify({ env: { PATH: '/usr/bin:/bin' }, user });
        const script = `import { run } from '${projectFolder}functions/nix/process/process.ts';
        await run('env', ['--ignore-signal=TERM', 'sleep', '${marker}'], ${options});`;
        const server = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
        const ended = once(server, 'exit');
        // The server has it in its command as well.
        for (let tries = 0; (await alive(marker)) < 2 && tries < 200; tries++) await sleep(50);
        await sleep(300);
        assert.equal(await alive(marker), 2);
        server.kill('SIGKILL');
        await ended;
        await sleep(200);
        assert.equal(await alive(marker), 0);
      },
    );
  }
});
