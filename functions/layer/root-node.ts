import { type ByteString, byteString } from './tree.ts';

/** What lies in the root layer: directories, the links into the store, and a few files of its own. */
export type RootNode = RootDirectory | RootFile | RootSymlink;

export interface RootDirectory {
  readonly kind: 'directory';
  readonly mode: number;
  readonly entries: Map<ByteString, RootNode>;
}

export interface RootFile {
  readonly kind: 'file';
  readonly mode: number;
  readonly content: Buffer;
}

export interface RootSymlink {
  readonly kind: 'symlink';
  readonly target: ByteString;
}

export function rootDirectory(mode = 0o755): RootDirectory {
  return { kind: 'directory', mode, entries: new Map() };
}

export function rootFile(text: string): RootFile {
  return { kind: 'file', mode: 0o644, content: Buffer.from(text) };
}

export function rootSymlink(target: string): RootSymlink {
  return { kind: 'symlink', target: byteString(target) };
}

/** What is at `path` (`etc/passwd`), without following links. */
export function nodeAt(root: RootDirectory, path: ByteString): RootNode | undefined {
  let node: RootNode | undefined = root;
  for (const name of path.split('/')) {
    if (node?.kind !== 'directory') return undefined;
    node = node.entries.get(name);
  }
  return node;
}

/** Puts `node` at `path` unless something is there, or something that is no directory is in the way. Directories above it are made. */
export function addIfAbsent(root: RootDirectory, path: ByteString, node: RootNode): void {
  const names = path.split('/');
  const last = names.pop();
  let directory = root;
  for (const name of names) {
    let next = directory.entries.get(name);
    if (next === undefined) {
      next = rootDirectory();
      directory.entries.set(name, next);
    }
    if (next.kind !== 'directory') return;
    directory = next;
  }
  if (last !== undefined && !directory.entries.has(last)) directory.entries.set(last, node);
}
