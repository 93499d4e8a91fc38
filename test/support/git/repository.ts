import { execFileSync } from 'node:child_process';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixturePackages } from '../nix.ts';

/** A repository that holds the small packages, on its branch `trunk`. */
export interface GitRepository {
  readonly folder: string;
  readonly url: string;
  /** Runs git in it, and gives what it prints. */
  readonly git: (...args: readonly string[]) => string;
  /** Adds a commit that changes a file, and gives it. */
  commit(text: string): Promise<string>;
}

export async function gitRepository(folder: string): Promise<GitRepository> {
  await cp(fixturePackages, folder, { recursive: true });
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      encoding: 'utf8',
    }).trim();
  git('init', '--quiet', '--initial-branch=trunk');
  git('add', '.');
  return {
    folder,
    url: `file://${folder}`,
    git,
    async commit(text) {
      await writeFile(join(folder, 'note'), text);
      git('add', '.');
      git('commit', '--quiet', '-m', text);
      return git('rev-parse', 'HEAD');
    },
  };
}
