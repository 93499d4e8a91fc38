import { execFileSync } from 'node:child_process';
import type { GitRepository } from './repository.ts';

/** Adds so many commits to the branch `trunk`, each a minute after the one before, at once. */
export function addCommits({ folder, git }: GitRepository, count: number, firstS: number): void {
  const parent = git('rev-parse', 'trunk');
  const lines = Array.from({ length: count }, (_, index) => {
    const author = `t <t@example.org> ${firstS + index * 60} +0000`;
    const from = index === 0 ? `from ${parent}\n` : '';
    return `commit refs/heads/trunk\nauthor ${author}\ncommitter ${author}\ndata 1\n.\n${from}\n`;
  });
  execFileSync('git', ['-C', folder, 'fast-import', '--quiet', '--force'], { input: lines.join('') });
  git('reset', '--quiet', '--hard');
}
