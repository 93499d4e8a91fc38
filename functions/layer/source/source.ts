import { type ByteString, byteString, type Tree, type TreeEntry } from '../tree.ts';
import { openLocal, readLocalTree } from './local.ts';

/** Where a store path's bytes come from. Nothing but what can be handed to a thread; whoever packs opens it. */
export type StorePathSource = LocalSource;

/** A place on this machine's disk. */
export interface LocalSource {
  readonly kind: 'local';
  readonly location: ByteString;
  /** What lies there, when it was read before: reading it takes as long as packing small files does. */
  readonly tree?: Tree | undefined;
}

/** What is there at once is said at once: promises for all of it are two percent of the time that a tar of small files takes. */
export type Soon<T> = T | Promise<T>;

/**
 * Reads a store path once, from its first entry to its last, as it comes. So what cannot go back, or knows no entry before it
 * is there, can be one. Each call waits for the one before.
 */
export interface StorePathReader {
  /**
   * The next entry: a directory before what is in it, and that sorted by the bytes of the names, as in a Nix archive.
   * Undefined behind the last, and only when all that was given is what it should be.
   *
   * @throws Error when the file before was not read to its end; UnfitForImageError for what is neither file, directory nor
   *   symbolic link, or lies in more folders than `MAX_FOLDERS_DEEP`; what the kind of source names
   */
  next(): Soon<TreeEntry | undefined>;
  /**
   * Reads on in the file that `next` gave, of which some is missing yet.
   *
   * @param into gets it from `offset` on. What lies between its end and `end` may be written to as well
   * @returns how many bytes of the file there are: one at least, and all that are missing at most
   */
  read(into: Buffer, offset: number, end: number): Soon<number>;
  /** Lets go of what is open. To be called once, whatever happened. */
  close(): Promise<void>;
}

interface Cancellable {
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined;
}

/**
 * @param location as Node's own functions take it
 * @param tree what {@link readTree} found there
 */
export function localSource(location: string, tree?: Tree): StorePathSource {
  return { kind: 'local', location: byteString(location), tree };
}

/**
 * Local: throws StorePathMissingError when nothing is there, UnfitForImageError as `next` does, StorePathError when a file has
 * another length than the tree says, and Error of the file system, the reader too.
 */
export async function openSource(source: StorePathSource, options: Cancellable = {}): Promise<StorePathReader> {
  return openLocal(source.location, await readTree(source, options));
}

/** All entries, without the contents of files. It throws what {@link openSource} does. */
export async function readTree(source: StorePathSource, options: Cancellable = {}): Promise<Tree> {
  return source.tree ?? readLocalTree(source.location, options);
}
