import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 << 20;

/** A Debian in which a package is installed as Debian does it: the measure of an image. */
export interface Chroot {
  /**
   * Installs a package in a Debian of its own, without what it recommends, and runs scripts there, one after the other.
   *
   * @throws Error with the end of what apt said when it cannot be installed
   */
  visit<T>(name: string, see: (debian: InstalledDebian) => Promise<T>): Promise<T>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface InstalledDebian {
  /** Runs a script with bash, without a network; resolves to what it prints. */
  run(script: string): Promise<string>;
}

/** Programs of the chroot get no others of this machine's variables. */
const ENVIRONMENT = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games',
  ...['HOME=/root', 'LANG=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive'],
];

/**
 * Makes the base, once, with debootstrap and the machine's own sources of Debian's main. Needs root, and mounts.
 *
 * @param folder where the base and the packages that were fetched are kept
 */
export async function makeChroot(folder: string): Promise<Chroot> {
  const base = join(folder, 'base');
  const archives = join(folder, 'archives');
  await mkdir(archives, { recursive: true });
  if (!existsSync(join(base, 'made'))) await makeBase(base, archives);
  // What dpkg syncs, and what one package leaves behind, is in memory.
  const memory = await mkdtemp(join(tmpdir(), 'nixery-chroot-'));
  const root = join(memory, 'root');

  async function enter(): Promise<void> {
    for (const each of ['upper', 'work', 'root']) await mkdir(join(memory, each));
    const layers = `lowerdir=${base},upperdir=${join(memory, 'upper')},workdir=${join(memory, 'work')}`;
    await exec('mount', ['-t', 'overlay', '-o', layers, 'overlay', root]);
    await exec('mount', ['--bind', archives, join(root, 'var/cache/apt/archives')]);
    await exec('mount', ['-t', 'proc', 'proc', join(root, 'proc')]);
    await exec('mount', ['-t', 'devpts', '-o', 'newinstance,ptmxmode=0666', 'devpts', join(root, 'dev/pts')]);
    await exec('mount', ['--bind', join(root, 'dev/pts/ptmx'), join(root, 'dev/ptmx')]);
  }
  async function leave(): Promise<void> {
    for (const each of ['dev/ptmx', 'dev/pts', 'proc', 'var/cache/apt/archives', '.'])
      await exec('umount', ['--lazy', join(root, each)]);
    for (const each of ['upper', 'work', 'root']) await rm(join(memory, each), { recursive: true });
  }
  return {
    async visit(name, see) {
      await enter();
      try {
        await inside(root, [
          'apt-get',
          'install',
          '--yes',
          '--quiet',
          '--no-install-recommends',
          '-o',
          'Debug::NoLocking=1',
          name,
        ]);
        return await see({
          run: async (script) => (await inside(root, ['bash', '-c', script], ['unshare', '--net'])).stdout,
        });
      } finally {
        await leave();
      }
    },
    async [Symbol.asyncDispose]() {
      await rm(memory, { recursive: true });
    },
  };
}

async function makeBase(base: string, archives: string): Promise<void> {
  await rm(base, { recursive: true, force: true });
  await exec('debootstrap', ['--variant=minbase', `--cache-dir=${archives}`, 'bookworm', base]);
  await writeFile(join(base, 'etc/apt/sources.list'), await sources());
  await writeFile(join(base, 'etc/apt/apt.conf.d/90machine'), await proxies());
  await writeFile(join(base, 'etc/dpkg/dpkg.cfg.d/quick'), 'force-unsafe-io\n');
  // No package starts its service (invoke-rc.d(8)).
  await writeFile(join(base, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  for (const file of ['/etc/resolv.conf', '/etc/hosts']) await cp(file, join(base, file), { dereference: true });
  await inside(base, ['apt-get', 'update', '--quiet']);
  await inside(base, ['apt-get', 'dist-upgrade', '--yes', '--quiet']);
  await writeFile(join(base, 'made'), '');
}

/** The suites of Debian's main that this machine's apt has: those of which the package set is made. */
async function sources(): Promise<string> {
  const fields = ['CREATED_BY', 'ORIGIN', 'COMPONENT', 'SITE', 'RELEASE'].map((field) => `$(${field})`).join('\t');
  const { stdout } = await exec('apt-get', ['indextargets', '--format', fields]);
  const lines = stdout.split('\n').flatMap((line) => {
    const [createdBy, origin, component, site, release] = line.split('\t');
    const wanted = createdBy === 'Packages' && origin === 'Debian' && component === 'main';
    return wanted ? [`deb ${site ?? ''} ${release ?? ''} main\n`] : [];
  });
  return [...new Set(lines)].join('');
}

async function proxies(): Promise<string> {
  const { stdout } = await exec('apt-config', ['dump', 'Acquire']);
  return stdout
    .split('\n')
    .filter((line) => /::Proxy/.test(line))
    .join('\n');
}

async function inside(root: string, command: readonly string[], within: readonly string[] = []) {
  const [program = '', ...args] = [...within, 'chroot', root, 'env', '-i', ...ENVIRONMENT, ...command];
  return exec(program, args, { maxBuffer: MAX_OUTPUT_BYTES });
}
