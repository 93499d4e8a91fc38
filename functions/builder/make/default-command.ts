import { isUtf8 } from 'node:buffer';
import type { StorePath } from '../../nix/store-path.ts';
import { placesIn } from '../../layer/place.ts';
import { nodeAt, type RootDirectory } from '../../layer/root-node.ts';
import { type ByteString, byteString, bytesOf, isDirectory, type Tree } from '../../layer/tree.ts';

/** A package that was asked for by name, to find out what the image is for. */
export interface RequestedPackage {
  /** Without the version. */
  readonly name: string;
  /** nixpkgs' `meta.mainProgram`. */
  readonly mainProgram: string | undefined;
  /** Names of what is in its outputs' folders of programs; see {@link programsIn}. Looked up when they matter. */
  readonly programs: () => readonly ByteString[];
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
  if (packages.some(({ programs }) => programs().includes('bash'))) return bash;
  const [only, ...others] = packages;
  if (only && others.length === 0) {
    const main = mainProgram(only);
    if (main !== undefined) return [main];
  }
  return nodeAt(root, 'bin/bash') ? bash : undefined;
}

function mainProgram({ name, mainProgram, programs: find }: RequestedPackage): string | undefined {
  const programs = find();
  const named = [mainProgram, name].find((one) => one !== undefined && programs.includes(byteString(one)));
  if (named !== undefined) return named;
  const [only, ...others] = programs;
  // An image's config is JSON, which holds no other names.
  return only !== undefined && others.length === 0 && isUtf8(bytesOf(only)) ? bytesOf(only).toString() : undefined;
}

const PROGRAM_FOLDERS = ['bin', 'games', 'sbin'];

/**
 * The programs of outputs, also where the outputs or their folders of programs are links.
 *
 * @param trees the outputs' trees, and those of other store paths that their links lead to
 */
export function programsIn(
  outputs: readonly StorePath[],
  trees: Readonly<Record<StorePath, Tree>>,
): readonly ByteString[] {
  const places = placesIn(new Map<ByteString, Tree>(Object.entries(trees)));
  return outputs.flatMap((output) =>
    PROGRAM_FOLDERS.flatMap((folder) => {
      const found = places.at(`${output}/${folder}`);
      return found.kind === 'place' && isDirectory(found.place.tree)
        ? found.place.tree.entries.map(([name]) => name)
        : [];
    }),
  );
}
