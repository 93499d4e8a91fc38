/**
 * A name, path or link target as the bytes that the kernel knows, one character (U+0000 to U+00FF) for each byte:
 * what `latin1` makes of them. Names that are not UTF-8 survive, JSON holds them without loss, and the order of
 * JavaScript's strings is the order of the bytes.
 */
export type ByteString = string;

/** What lies at a store path, or at a place below it. Contents of files are not part of it. */
export type Tree = Directory | RegularFile | Symlink;

/** Names are unique and sorted. Tuples, so that a listing of thousands of names is short as JSON. */
export interface Directory {
  readonly entries: readonly (readonly [name: ByteString, tree: Tree])[];
}

export interface RegularFile {
  /** Length in bytes. */
  readonly size: number;
  /** Present when the file can be executed. */
  readonly executable?: true;
}

export interface Symlink {
  readonly target: ByteString;
}

/** One entry of a tree, without what is in it. */
export type TreeEntry = {
  /** Where it lies in the store path: empty for that itself, else `/bin/hello`. */
  readonly below: ByteString;
} & (
  | { readonly kind: 'directory' }
  | { readonly kind: 'file'; readonly size: number; readonly executable: boolean }
  | { readonly kind: 'symlink'; readonly target: ByteString }
);

export function isDirectory(tree: Tree): tree is Directory {
  return 'entries' in tree;
}

export function isSymlink(tree: Tree): tree is Symlink {
  return 'target' in tree;
}

/** How many entries a tree has, as far as `most`. */
export function entriesOf(tree: Tree, most: number): number {
  if (!isDirectory(tree)) return 1;
  let entries = 1;
  for (const [, below] of tree.entries) {
    if (entries >= most) break;
    entries += entriesOf(below, most - entries);
  }
  return entries;
}

/** The bytes of a string that {@link bytesOf} can spell: the other way of `buffer.toString('latin1')`. */
export function bytesOf(text: ByteString): Buffer {
  return Buffer.from(text, 'latin1');
}

/** What `text`, an ordinary string, is as a {@link ByteString}: its UTF-8. */
export function byteString(text: string): ByteString {
  return Buffer.from(text).toString('latin1');
}

/** What lies at a store path is not what was there before: it changed while it was read. A fault of the machine. */
export class StorePathError extends Error {
  readonly code = 'STORE_PATH';
  override readonly name = 'StorePathError';
  readonly location: string;
  readonly problem: string;

  /** @param problem what is wrong with it, to be read after its name */
  constructor(location: ByteString, problem: string) {
    const readable = bytesOf(location).toString();
    super(`${readable} ${problem}`);
    this.location = readable;
    this.problem = problem;
  }
}

/** Characters of a path in a message: one of a thousand folders helps nobody. */
const MAX_SHOWN_CHARACTERS = 300;

/** A package has made something that no image can hold, or that no root can be made of: a fault of the package. */
export class UnfitForImageError extends Error {
  readonly code = 'UNFIT_FOR_IMAGE';
  override readonly name = 'UnfitForImageError';
  /** In the store, shortened in its middle where it is very long. */
  readonly location: string;
  readonly problem: string;

  /** @param problem what is wrong with it, and what to do, to be read after its name */
  constructor(location: ByteString, problem: string) {
    const whole = bytesOf(location).toString();
    const readable = whole.length <= MAX_SHOWN_CHARACTERS ? whole : `${whole.slice(0, 200)}[...]${whole.slice(-80)}`;
    super(`${readable} ${problem}`);
    this.location = readable;
    this.problem = problem;
  }
}

/** A store path is not on this machine: it was never built here, or was collected. */
export class StorePathMissingError extends Error {
  readonly code = 'STORE_PATH_MISSING';
  override readonly name = 'StorePathMissingError';
  readonly location: string;

  constructor(location: ByteString) {
    const readable = bytesOf(location).toString();
    super(`${readable} is not on this machine`);
    this.location = readable;
  }
}

/** How the file system functions take a path: bytes only where the path is not ASCII, since they cost more. */
export function onDisk(path: ByteString): string | Buffer {
  return /^[\0-\x7f]*$/.test(path) ? path : bytesOf(path);
}

/**
 * Folders in folders at the most, in a store path and in a root. From a thousand on, a tree can neither be written as JSON nor
 * handed to a thread: V8 goes down it on its stack.
 */
export const MAX_FOLDERS_DEEP = 400;
