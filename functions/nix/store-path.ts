import { z } from 'zod';

declare const storePathBrand: unique symbol;

/** `/nix/store/<32 characters>-<name>`, without anything behind it. Made only by {@link parseStorePath}. */
export type StorePath = string & { readonly [storePathBrand]: true };

// Nix manual, "Store path": 32 characters of Nix's base-32 alphabet, then a name of at most 211 characters.
const STORE_PATH = /^\/nix\/store\/[0-9abcdfghijklmnpqrsvwxyz]{32}-[0-9a-zA-Z+\-._?=]{1,211}$/;

/** The store path that `text` is, or undefined when it is none. */
export function parseStorePath(text: string): StorePath | undefined {
  return STORE_PATH.test(text) ? (text as StorePath) : undefined;
}

/** A store path in JSON. */
export const storePathSchema = z.custom<StorePath>(
  (value) => typeof value === 'string' && parseStorePath(value) !== undefined,
  'not a store path',
);

/** `<32 characters>-<name>`: the entry's name in `/nix/store`. */
export function storePathBaseName(path: StorePath): string {
  return path.slice('/nix/store/'.length);
}

/** One store path of a closure, as Nix's database knows it. */
export interface ClosurePath {
  readonly path: StorePath;
  /** Hash of the path's NAR, as `sha256-<base 64>`: with the path it identifies the content. */
  readonly narHash: string;
  readonly narSizeBytes: number;
  /** The store paths that it refers to, without itself, sorted. */
  readonly references: readonly StorePath[];
}
