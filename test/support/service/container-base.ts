import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../command.ts';
import { projectFolder } from './registry-process.ts';

/** The release that `nix/Dockerfile` is written for. */
const RELEASE = 'trixie';
/** What the Debian package set's builder uses and the service does not. */
const FOR_PACKAGES = ['ca-certificates', 'patchelf'];

/** Where apt fetches with a proxy; undefined when it goes by itself. */
export async function aptProxy(): Promise<string | undefined> {
  const printed = await run('apt-config', ['shell', 'PROXY', 'Acquire::http::Proxy']);
  const proxy = /^PROXY='(.+)'$/m.exec(printed)?.[1];
  return proxy === undefined || proxy === 'DIRECT' ? undefined : proxy;
}

/**
 * A minimal Debian as an archive for `docker import`, made of what this machine's apt fetches, with its settings. It is
 * made once, in a minute or two, and kept beside the other things that tests prepare.
 *
 * @returns the archive's path
 */
export async function containerBase(): Promise<string> {
  const folder = join(process.env['NIXERY_DATA_DIR'] ?? join(projectFolder, '.data'), 'container');
  const archive = join(folder, `${RELEASE}.tar`);
  if (existsSync(archive)) return archive;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, '.new-'));
  try {
    const root = join(work, 'root');
    const proxy = await aptProxy();
    const include = `--include=${FOR_PACKAGES.join(',')}`;
    await run(
      'debootstrap',
      ['--variant=minbase', include, RELEASE, root, await mirror()],
      proxy === undefined ? {} : { http_proxy: proxy },
    );
    const settings = (await run('apt-config', ['dump', '--no-empty', 'Acquire']))
      .split('\n')
      .filter((line) => /^Acquire::(?:https?|Check-[A-Za-z-]+)(?:::| )/.test(line));
    await writeFile(join(root, 'etc', 'apt', 'apt.conf.d', '99machine'), `${settings.join('\n')}\n`);
    await run('tar', ['-C', root, '-cf', join(work, 'root.tar'), '.']);
    await rename(join(work, 'root.tar'), archive);
    return archive;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Where this machine's apt has Debian from. @throws Error when its lists name no such place */
async function mirror(): Promise<string> {
  const printed = await run('apt-get', [
    ...['indextargets', '--format', '$(SITE)'],
    ...['Created-By: Packages', 'Origin: Debian', 'Component: main'],
  ]);
  const site = printed.split('\n').find((line) => /^https?:/.test(line) && !line.includes('security'));
  if (site === undefined) throw new Error('apt has no archive of Debian in its lists: run apt-get update');
  return site;
}
