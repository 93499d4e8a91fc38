import type { Logger } from 'pino';
import type { PackageSource } from '../../nix/source.ts';
import type { BlobStore } from '../../storage/blob-store.ts';

/** What it takes to remember what a package source says, in this process and in the store. */
export interface SourceMemory {
  readonly store: BlobStore;
  readonly source: PackageSource;
  readonly log: Pick<Logger, 'warn'>;
  /** How long what it says is believed, in milliseconds. */
  readonly pinForMs: number;
  /** The time, for records. */
  readonly nowMs?: () => number;
  /** A clock that never goes back, for what this process remembers. */
  readonly elapsedMs?: () => number;
}

/** A source that does not answer is left alone for a moment. */
export const STALE_FOR_MS = 10_000;
