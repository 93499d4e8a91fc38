import { type Collision, type LinkedOutput, mergeOutputs } from './merge-outputs.ts';
import type { ByteString, Tree } from '../tree.ts';
import { addIfAbsent, nodeAt, type RootDirectory, rootDirectory, rootFile, rootSymlink } from '../root-node.ts';
import { DIRECTORIES } from './directories.ts';

/** Version of all that decides the root layer's tree and bytes, and the environment; a part of the keys of images. */
export const ROOT_LAYER_VERSION = 3;

/** An output that was asked for. */
export interface RequestedOutput extends LinkedOutput {
  /** The lower number wins a collision, as in nixpkgs, where 5 is usual. */
  readonly priority: number;
}

/** What is not under `/usr` as well: the rest of the root is (bin, lib, share, ...). */
const NOT_IN_USR = new Set([
  ...DIRECTORIES.map(([path]) => path).filter((path) => path !== 'bin'),
  'boot',
  'opt',
  'srv',
]);

/** Files that programs expect, for images in which no package has them. */
const FILES: Readonly<Record<string, string>> = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf':
    'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nservices: files\nprotocols: files\n',
  'etc/os-release': 'NAME="nixery-run"\nID=nixery-run\nPRETTY_NAME="nixery-run"\n',
};

/** What can be `/bin/sh`, the best first. */
const SHELLS = ['bash', 'dash', 'busybox'];

/** The usual names of the CA certificates: nixpkgs' and Debian's. */
const CERTIFICATES = ['ca-bundle.crt', 'ca-certificates.crt'];

/**
 * The image's root: links into the outputs, and what every program expects beside them.
 *
 * @param outputs those that were asked for, and in order those that they propagate, which lose against every one that was asked for
 */
export function rootTree(outputs: {
  readonly requested: readonly RequestedOutput[];
  readonly propagated: readonly LinkedOutput[];
  /** Trees of other store paths, for links that lead there. */
  readonly linked?: ReadonlyMap<ByteString, Tree>;
}): { readonly root: RootDirectory; readonly collisions: readonly Collision[] } {
  // Sorting is stable: of equal priority, the first wins.
  const requested = [...outputs.requested].sort((a, b) => a.priority - b.priority);
  const { root, collisions } = mergeOutputs([...requested, ...outputs.propagated], outputs.linked);

  for (const [path, mode] of DIRECTORIES) setDirectory(root, path, mode);
  for (const [path, text] of Object.entries(FILES)) addIfAbsent(root, path, rootFile(text));
  addIfAbsent(root, 'var/run', rootSymlink('/run'));

  const shell = SHELLS.find((name) => nodeAt(root, `bin/${name}`));
  if (shell !== undefined) addIfAbsent(root, 'bin/sh', rootSymlink(shell));

  const certificates = CERTIFICATES.find((name) => nodeAt(root, `etc/ssl/certs/${name}`));
  if (certificates !== undefined) {
    for (const name of CERTIFICATES) addIfAbsent(root, `etc/ssl/certs/${name}`, rootSymlink(certificates));
  }

  addIfAbsent(root, 'sbin', rootSymlink('bin'));
  if (root.entries.has('lib')) addIfAbsent(root, 'lib64', rootSymlink('lib'));
  for (const name of root.entries.keys()) {
    if (!NOT_IN_USR.has(name)) addIfAbsent(root, `usr/${name}`, rootSymlink(`../${name}`));
  }
  return { root, collisions };
}

/** Makes a directory be there with this mode. What outputs have at these paths was merged into directories before. */
function setDirectory(root: RootDirectory, path: string, mode: number): void {
  addIfAbsent(root, path, rootDirectory(mode));
  const at = path.lastIndexOf('/');
  const parent = at < 0 ? root : nodeAt(root, path.slice(0, at));
  const there = nodeAt(root, path);
  if (parent?.kind !== 'directory' || (there?.kind === 'directory' && there.mode === mode)) return;
  const entries = there?.kind === 'directory' ? there.entries : rootDirectory().entries;
  parent.entries.set(path.slice(at + 1), { kind: 'directory', mode, entries });
}
