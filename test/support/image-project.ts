import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { printImageList } from '../../infra/image-list.ts';
import { projectFolder } from './service/registry-process.ts';

/** What `npm run images` reads and writes, of a project whose images are on one host. */
export interface ImageProject {
  /** The text of a file now. */
  read(file: string): Promise<string>;
  write(file: string, text: string): Promise<void>;
  /** All three files. */
  readAll(): Promise<string[]>;
  /** The command, in this project. */
  images(...args: readonly string[]): Promise<{ exitCode: number | undefined; output: string }>;
}

const FILES = ['infra/images.json', 'nix/Dockerfile', 'cloudbuild.yaml'];

/** A project in an empty folder: its base is `HOST/base:stable`, and its builds run in `HOST/team/tool:24`, twice. */
export async function imageProject(folder: string, host: string): Promise<ImageProject> {
  for (const name of ['infra', 'nix']) await mkdir(join(folder, name));
  const write = (file: string, text: string) => writeFile(join(folder, file), text);
  const read = (file: string) => readFile(join(folder, file), 'utf8');
  const unknown = { digest: null, renewed: null };
  const list = printImageList([
    { name: `${host}/base`, tag: 'stable', ...unknown, purpose: 'a base' },
    { name: `${host}/team/tool`, tag: '24', ...unknown, purpose: 'a tool' },
  ]);
  await write('infra/images.json', list);
  await write('nix/Dockerfile', `# ${host}/base:stable\nARG BASE=${host}/base:stable\n\nFROM \${BASE}\nRUN true\n`);
  const step = (id: string) => `  - id: ${id}\n    name: ${host}/team/tool:24\n    script: |\n      name: no image\n`;
  await write('cloudbuild.yaml', `steps:\n${step('one')}${step('two')}`);
  return {
    read,
    write,
    readAll: () => Promise.all(FILES.map(read)),
    async images(...args) {
      const { exitCode, all } = await execa(process.execPath, [join(projectFolder, 'infra/renew-images.ts'), ...args], {
        ...{ cwd: folder, reject: false, all: true, stdin: 'ignore' },
      });
      return { exitCode, output: all };
    },
  };
}
