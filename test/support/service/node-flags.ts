import { readFileSync } from 'node:fs';

/** The flags that the program's Node is started with, from the file that nix/start.sh or nix/container/start.sh reads. */
export function nodeFlags(file: string): readonly string[] {
  return readFileSync(file, 'utf8').trim().split(/\s+/);
}
