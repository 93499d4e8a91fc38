import { readFile } from 'node:fs/promises';
import { cgroupFolders } from '../../../functions/nix/cgroups/folders.ts';
import { prepareCgroups } from '../../../functions/nix/cgroups/prepare.ts';
import { run } from '../../../functions/nix/process/process.ts';

/** Runs a process in a control group of its own, and prints what the kernel says of it, and where the hierarchy of processes was found. */

const files = ['/proc/self/cgroup', '/proc/self/mountinfo'];
const [self = '', mounts = ''] = await Promise.all(files.map((file) => readFile(file, 'utf8')));
const folders = cgroupFolders(self, mounts);
const cgroups = await prepareCgroups(folders, { processes: 64, memoryBytes: undefined });
const group = await run('cat', ['/proc/self/cgroup'], { env: { PATH: '/usr/bin:/bin' }, cgroups });
await cgroups.close();
const found = folders.filter(({ version, controllers }) => version === 1 && controllers.includes('pids'));
process.stdout.write(JSON.stringify({ group, found: found.length }));
