import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type ByteString,
  type Directory,
  isDirectory,
  isSymlink,
  MAX_FOLDERS_DEEP,
  onDisk,
  type RegularFile,
  StorePathError,
  StorePathMissingError,
  type Symlink,
  type Tree,
  type TreeEntry,
  UnfitForImageError,
} from '../tree.ts';

/** Entries read before the event loop gets a turn: about three milliseconds. */
const ENTRIES_PER_TURN = 400;

/**
 * Reads the tree at `location` with synchronous calls, which take a tenth of the time of asynchronous ones, and lets
 * others have the event loop now and then.
 *
 * @throws StorePathMissingError when nothing is there; UnfitForImageError for what is neither file, directory nor symbolic link, or too deep
 */
export async function readLocalTree(
  location: ByteString,
  options: { readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined },
): Promise<Tree> {
  let sinceTurn = 0;

  async function directory(path: ByteString, depth: number): Promise<Directory> {
    if (depth > MAX_FOLDERS_DEEP) {
      const problem = `cannot be in an image: it lies in more than ${MAX_FOLDERS_DEEP} folders. Its package has to have fewer`;
      throw new UnfitForImageError(path, problem);
    }
    const entries: [ByteString, Tree][] = [];
    const found = readdirSync(onDisk(path), { encoding: 'latin1', withFileTypes: true });
    found.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of found) {
      if (++sinceTurn > ENTRIES_PER_TURN) {
        sinceTurn = 0;
        await nextTurn();
        options.signal?.throwIfAborted();
      }
      const below = `${path}/${entry.name}`;
      if (entry.isDirectory()) entries.push([entry.name, await directory(below, depth + 1)]);
      else if (entry.isSymbolicLink()) entries.push([entry.name, symlink(below)]);
      else entries.push([entry.name, file(below)]);
    }
    return { entries };
  }

  const stat = lstatSync(onDisk(location), { throwIfNoEntry: false });
  if (stat === undefined) throw new StorePathMissingError(location);
  if (stat.isDirectory()) return directory(location, 0);
  return stat.isSymbolicLink() ? symlink(location) : file(location);
}

function symlink(path: ByteString): Symlink {
  return { target: readlinkSync(onDisk(path), 'latin1') };
}

function file(path: ByteString): RegularFile {
  const stat = lstatSync(onDisk(path));
  if (!stat.isFile()) throw new UnfitForImageError(path, 'is neither a file, a directory nor a symbolic link');
  return (stat.mode & 0o100) === 0 ? { size: stat.size } : { size: stat.size, executable: true };
}

/**
 * Reads what lies at `location`, with synchronous calls, each file while it is asked for.
 *
 * @param tree what {@link readLocalTree} found there
 */
export function openLocal(location: ByteString, tree: Tree) {
  const left: { readonly below: ByteString; readonly node: Tree }[] = [{ below: '', node: tree }];
  /** The file that `next` gave, as far as it is not known to have been read to its end. */
  let file: { readonly location: ByteString; readonly size: number } | undefined;
  let missing = 0;
  let descriptor: number | undefined;

  function closeFile(): void {
    const open = descriptor;
    file = descriptor = undefined;
    if (open !== undefined) closeSync(open);
  }

  function read(into: Buffer, offset: number, end: number): number {
    if (file === undefined) throw new Error('there is no file to read');
    // Where a link has come in its place since, what that leads to may be nobody's business.
    descriptor ??= openSync(onDisk(file.location), constants.O_RDONLY | constants.O_NOFOLLOW);
    // One byte more than there should be, so that a file that grew does not pass for whole.
    const wanted = Math.min(missing + 1, end - offset);
    const got = readSync(descriptor, into, offset, wanted, null);
    if (got > missing || (got === 0 && missing > 0)) {
      throw new StorePathError(file.location, `changed while it was read: it had ${file.size} bytes`);
    }
    missing -= got;
    // A regular file gives less than was asked for only at its end (POSIX, read()).
    if (got < wanted && missing === 0) closeFile();
    return got;
  }

  return {
    next(): TreeEntry | undefined {
      if (missing > 0) throw new Error('a file was not read to its end');
      if (file !== undefined) read(BEHIND_END, 0, BEHIND_END.length);
      const entry = left.pop();
      if (entry === undefined) return undefined;
      const { below, node } = entry;
      if (isSymlink(node)) return { kind: 'symlink', below, target: node.target };
      if (isDirectory(node)) {
        for (const [name, inside] of node.entries.toReversed()) left.push({ below: `${below}/${name}`, node: inside });
        return { kind: 'directory', below };
      }
      file = { location: `${location}${below}`, size: node.size };
      missing = node.size;
      return { kind: 'file', below, size: node.size, executable: node.executable === true };
    },
    read,
    close(): Promise<void> {
      closeFile();
      return Promise.resolve();
    },
  };
}

/** For the byte that no file has behind its end. */
const BEHIND_END = Buffer.alloc(1);
