import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { orWithout } from '../../../functions/nix/cgroups/fallback.ts';
import { cgroupFolders } from '../../../functions/nix/cgroups/folders.ts';
import { CgroupError, prepareCgroups } from '../../../functions/nix/cgroups/prepare.ts';
import { run } from '../../../functions/nix/process/process.ts';
import { ProcessError } from '../../../functions/nix/process-error.ts';
import { BuildFailedError, realise } from '../../../functions/nix/realise/realise.ts';
import { resolve } from '../../../functions/nix/resolve/resolve.ts';
import { nix } from '../../support/nix.ts';
import { projectFolder } from '../../support/service/registry-process.ts';

const env = { PATH: '/usr/bin:/bin' };
const PROCESSES = 64;

const files = ['/proc/self/cgroup', '/proc/self/mountinfo'];
const [self = '', mounts = ''] = await Promise.all(files.map((file) => readFile(file, 'utf8')));
const folders = cgroupFolders(self, mounts);
const pids = folders.find(({ controllers }) => controllers.includes('pids'));
/** Everything here is bounded a second time: by a group that the test made and looked at. */
const skip =
  pids?.version === 1 && process.getuid?.() === 0 ? false : 'needs a controller of processes that can be written';

/** Runs work while this process is in a group of at most so many processes, and sees to it that the kernel counts. */
async function within(limit: number, work: () => Promise<void>): Promise<void> {
  const own = join(pids?.path ?? '', `nixery-test-${process.pid}`);
  await mkdir(own);
  try {
    await writeFile(join(own, 'pids.max'), String(limit));
    await writeFile(join(own, 'cgroup.procs'), String(process.pid));
    assert.equal((await readFile(join(own, 'pids.max'), 'utf8')).trim(), String(limit));
    const now = await readFile('/proc/self/cgroup', 'utf8');
    assert.notEqual(now, self);
    assert.match(now, new RegExp(`pids:.*/nixery-test-${process.pid}$`, 'm'));
    await work();
  } finally {
    await writeFile(join(pids?.path ?? '', 'cgroup.procs'), String(process.pid));
    await removeGroup(own);
  }
}

/** A process that was killed is in its group until the kernel has ended it. */
async function removeGroup(folder: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await rmdir(folder);
      return;
    } catch (error) {
      if (tries === 200 || (error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      await sleep(50);
    }
  }
}

/** The folders of this process now. */
async function foldersNow() {
  const [now = ''] = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return cgroupFolders(now, mounts);
}

const alive = async (marker: string): Promise<number> => {
  const found = (await readdir('/proc')).map(async (pid) =>
    /^\d+$/.test(pid) && (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).includes(marker) ? 1 : 0,
  );
  return (await Promise.all(found)).reduce<number>((sum, one) => sum + one, 0);
};

describe('control groups', () => {
  it('are found where the kernel says that they are', () => {
    const one = '8:pids:/a/b\n4:cpu,cpuacct:/a\n1:name=systemd:/a\n0::/a\n';
    const where =
      '30 25 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n' +
      '31 25 0:28 /a /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n' +
      '32 25 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n' +
      '33 25 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n';
    assert.deepEqual(cgroupFolders(one, where), [
      { version: 1, controllers: ['pids'], path: '/sys/fs/cgroup/pids/a/b' },
      { version: 1, controllers: ['cpu'], path: '/sys/fs/cgroup/cpu' },
    ]);
    const second = '29 23 0:26 / /sys/fs/cgroup ro,nosuid shared:4 - cgroup2 cgroup rw,nsdelegate\n';
    const all = { version: 2, controllers: ['pids', 'memory', 'cpu'] };
    assert.deepEqual(cgroupFolders('0::/\n', second), [{ ...all, path: '/sys/fs/cgroup' }]);
    // A chroot with /sys bound in, read-only and as it is; and a mount that shows only another group.
    const again =
      '40 30 0:27 / /srv/my\\040root/sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n' +
      '41 30 0:28 /a /srv/root/sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n' +
      '42 30 0:28 /other /mnt rw - cgroup cgroup rw,cpu,cpuacct\n';
    assert.deepEqual(
      cgroupFolders(one, again + where),
      cgroupFolders(one, where).toSpliced(1, 1, {
        version: 1,
        controllers: ['cpu'],
        path: '/srv/root/sys/fs/cgroup/cpu',
      }),
    );
    assert.deepEqual(cgroupFolders(one, again)[0]?.path, '/srv/my root/sys/fs/cgroup/pids/a/b');
    assert.deepEqual(cgroupFolders('0::/\n', second + second.replace('/sys', '/srv/sys')), [
      { ...all, path: '/sys/fs/cgroup' },
    ]);
    // Of a session of systemd's, whose processes are not ours to move.
    assert.deepEqual(cgroupFolders('0::/user.slice/session-1.scope\n', second), []);
  });

  it('that cannot be made are told, with why', async () => {
    const nowhere = [{ version: 1, controllers: ['pids'], path: '/proc/self/fd' }] as const;
    await assert.rejects(prepareCgroups(nowhere, { processes: 64, memoryBytes: undefined }), CgroupError);
    await assert.rejects(
      prepareCgroups([], { processes: 64, memoryBytes: undefined }),
      /no control groups of processes/,
    );
  });
});

describe('a process in a control group', { skip }, () => {
  it('has so many processes, and no more; what it leaves behind is ended', { timeout: 60_000 }, async () => {
    await within(2 * PROCESSES + 64, async () => {
      const cgroups = await prepareCgroups(await foldersNow(), { processes: PROCESSES, memoryBytes: undefined });
      const marker = `3333.${process.pid}`;
      const script = `i=0; while [ $i -lt ${2 * PROCESSES} ]; do setsid sleep ${marker} & i=$((i+1)); done; cat /proc/self/cgroup`;
      const failed = await run('sh', ['-c', script], { env, cgroups, timeoutMs: 20_000 }).then(
        (printed) => printed,
        (error: unknown) => error,
      );
      // A shell gives up when it cannot fork.
      assert.ok(failed instanceof ProcessError && /fork/i.test(failed.logTail.join()), String(failed));
      assert.equal(await alive(marker), 0);
      await cgroups.close();
      assert.deepEqual(
        (await readdir((await foldersNow())[0]?.path ?? '')).filter((name) =>
          name.startsWith(`nixery-run-${process.pid}.`),
        ),
        [],
      );
    });
  });

  it('has so much memory', async () => {
    const cgroups = await prepareCgroups(folders, { processes: PROCESSES, memoryBytes: 64 * 1024 * 1024 });
    try {
      assert.ok(cgroups.bounds.includes('memory'));
      const greedy = ['-c', 'head -c 300M /dev/zero | tail -c 290M | wc -c'];
      await run('sh', greedy, { env, cgroups }).then(
        (printed) => {
          assert.notEqual(printed.trim(), String(290 * 1024 * 1024));
        },
        () => undefined, // Its shell was ended with it.
      );
      assert.equal(await run('sh', ['-c', 'echo small'], { env, cgroups }), 'small');
    } finally {
      await cgroups.close();
    }
  });

  it(
    'that builds with the real Nix and forks without end fails, and what it started is gone',
    { timeout: 90_000 },
    async (test) => {
      await within(2 * PROCESSES + 64, async () => {
        const cgroups = await prepareCgroups(await foldersNow(), { processes: PROCESSES, memoryBytes: undefined });
        const source = { kind: 'folder', path: join(projectFolder, 'test', 'fixtures', 'builds') } as const;
        const here = { ...nix, cgroups };
        try {
          const [bomb] = await resolve(here, { source, system: 'x86_64-linux', attributes: ['forks'] });
          assert.ok(bomb?.kind === 'found', JSON.stringify(bomb));
          const startedMs = performance.now();
          await assert.rejects(
            realise(here, bomb.outputs, { timeoutMs: 10_000 }),
            (error) =>
              error instanceof BuildFailedError || (error instanceof ProcessError && error.failure === 'timeout'),
          );
          test.diagnostic(`ended after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
          assert.equal(await alive('nixery-fork-bomb'), 0);
          // And nobody beside it noticed.
          assert.equal(await run('sh', ['-c', 'sleep 0 & sleep 0 & wait; echo well'], { env, cgroups }), 'well');
        } finally {
          await cgroups.close();
        }
      });
    },
  );

  it('is found once where all of /sys is mounted a second time', async () => {
    const root = await mkdtemp(join(tmpdir(), 'nixery-root-'));
    try {
      const script = `mount --rbind /sys '${root}'; exec "$0" test/nix/cgroups/bound-cgroups-child.ts`;
      const printed = await run('unshare', ['--mount', 'sh', '-ec', script, process.execPath], { env });
      const { group, found } = JSON.parse(printed) as { group: string; found: number };
      assert.equal(found, 1);
      assert.match(group, /pids:.*\/nixery-run-\d+\.[0-9a-f]+\/0$/m);
    } finally {
      await rmdir(root);
    }
  });

  it('of this process is not taken for one that was left', async () => {
    const limits = { processes: PROCESSES, memoryBytes: undefined };
    const one = await prepareCgroups(folders, limits);
    // The same folders, under other names of theirs.
    const other = await prepareCgroups(folders, limits);
    for (const cgroups of [one, other]) {
      assert.equal(await run('sh', ['-c', 'echo well'], { env, cgroups }), 'well');
      await cgroups.close();
    }
  });

  it('that cannot be made any more is done without, and told once', async () => {
    const told: unknown[] = [];
    const made = await prepareCgroups(folders, { processes: PROCESSES, memoryBytes: undefined });
    const cgroups = orWithout(made, (reason) => told.push(reason));
    assert.notEqual(await run('cat', ['/proc/self/cgroup'], { env, cgroups }), self.trim());
    assert.deepEqual(told, []);
    const [pidsFolder = ''] = (await readdir(pids?.path ?? '')).filter((name) =>
      name.startsWith(`nixery-run-${process.pid}.`),
    );
    await rmdir(join(pids?.path ?? '', pidsFolder));
    for (let turn = 0; turn < 3; turn++) {
      assert.equal(await run('cat', ['/proc/self/cgroup'], { env, cgroups }), self.trim());
    }
    assert.equal(told.length, 1);
    assert.match(String(told[0]), /ENOENT/);
    // Of other controllers nothing half-made was left.
    const left = folders.map(async ({ path }) => readdir(join(path, pidsFolder)).catch(() => []));
    for (const names of await Promise.all(left)) assert.ok(!names.some((name) => /^\d+$/.test(name)));
    await cgroups.close();
  });

  it('of a server that was killed is ended when the next one starts', async () => {
    const marker = `4444.${process.pid}`;
    const base = join(pids?.path ?? '', `nixery-run-99999999.0000`);
    await mkdir(join(base, '0'), { recursive: true });
    const left = spawn('sh', [
      '-c',
      `echo 0 >"$1"; trap "" TERM; sleep ${marker}; :`,
      'sh',
      join(base, '0', 'cgroup.procs'),
    ]);
    const ended = once(left, 'exit');
    while ((await alive(marker)) < 2) await sleep(20);
    const cgroups = await prepareCgroups(folders, { processes: PROCESSES, memoryBytes: undefined });
    await ended;
    assert.equal(await alive(marker), 0);
    assert.equal(existsSync(dirname(join(base, '0'))), false);
    await cgroups.close();
  });
});
