import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../support/command.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/clients/docker-registry.ts';

/** Interactive programs draw on a terminal, which tmux is. */

let scratch: string;
let registry: DockerRegistry['registry'];
let engine: DockerRegistry['engine'];
let service: DockerRegistry;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nixery-terminal-'));
  ({ registry, engine } = service = await startDockerRegistry());
});
after(async () => {
  await service[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});

const FIRST_SCREEN_MS = 60_000;

const tmux = (...args: readonly string[]) => run('tmux', ['-f', '/dev/null', '-S', join(scratch, 'tmux'), ...args]);

/** What a terminal shows of `docker run -it IMAGE COMMAND` as soon as it shows what is wanted; else at the end of a minute. */
async function screenOf(image: string, command: string, wanted: RegExp): Promise<string> {
  const reference = `${registry.host}/${image}`;
  await engine.docker('pull', '--quiet', reference);
  // What it says when it ends stays on the screen.
  const line = `docker --host ${engine.address} run -it --rm --network=none ${reference} ${command}; sleep 60`;
  await tmux('new-session', '-d', '-x', '100', '-y', '30', line);
  try {
    const deadlineMs = Date.now() + FIRST_SCREEN_MS;
    for (;;) {
      const screen = await tmux('capture-pane', '-p');
      if (wanted.test(screen) || Date.now() > deadlineMs) return screen;
      await sleep(200);
    }
  } finally {
    await tmux('kill-server');
  }
}

describe('docker run -it shows the first screen of', () => {
  const programs: readonly (readonly [image: string, command: string, screen: RegExp])[] = [
    ['shell/htop', 'htop', /Tasks:[^]*Load average:[^]*PID USER[^]*htop/],
    ['htop', 'htop', /Tasks:[^]*Load average:[^]*PID USER[^]*htop/],
    ['shell', 'nano', /GNU nano \d[^]*\^G Help/],
    // Its greeting goes when a terminal that is slow tells it of itself.
    ['shell/vim', 'vim', /(?:^~.*\n){20}[^]*0,0-1 +All/m],
    ['shell/less', 'less /etc/passwd', /^root:x:0:0[^]*\n(?:\/etc\/passwd|:|\(END\))/],
    ['shell/mc', 'mc', /Left +File +Command[^]*1Help/],
    ['shell/procps', 'top', /^top - .*load average[^]*PID USER/],
  ];
  for (const [image, command, screen] of programs) {
    it(`${command} in ${image}`, async () => {
      assert.match(await screenOf(image, command, screen), screen);
    });
  }
});
