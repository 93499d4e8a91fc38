import { nodeAt, type RootDirectory } from './root-node.ts';
import { byteString, isDirectory, type Tree } from './tree.ts';

/** A package that was asked for by name, to find out what the image is for. */
export interface RequestedPackage {
  /** Without the version. */
  readonly name: string;
  /** nixpkgs' `meta.mainProgram`. */
  readonly mainProgram: string | undefined;
  readonly trees: readonly Tree[];
}

/**
 * What a container runs that is given no command: bash where it was asked for; else the main program of the only
 * package; else any bash that is there; else nothing, and the client asks for a command.
 */
export function defaultCommand(
  packages: readonly RequestedPackage[],
  root: RootDirectory,
): readonly string[] | undefined {
  const bash = ['bash'];
  if (packages.some((one) => programs(one).includes('bash'))) return bash;
  const [only, ...others] = packages;
  if (only && others.length === 0) {
    const main = mainProgram(only);
    if (main !== undefined) return [main];
  }
  return nodeAt(root, 'bin/bash') ? bash : undefined;
}

function mainProgram(one: RequestedPackage): string | undefined {
  const there = programs(one);
  const named = [one.mainProgram, one.name].find((name) => name !== undefined && there.includes(byteString(name)));
  return named ?? (there.length === 1 ? there[0] : undefined);
}

const PROGRAM_FOLDERS = new Set(['bin', 'sbin', 'games']);

function programs({ trees }: RequestedPackage): readonly string[] {
  return trees
    .filter(isDirectory)
    .flatMap(({ entries }) =>
      entries
        .filter(([name]) => PROGRAM_FOLDERS.has(name))
        .flatMap(([, tree]) => (isDirectory(tree) ? tree.entries.map(([name]) => name) : [])),
    );
}
