import type { Damage } from '../support/store/damaged-store.ts';

/** Where a store is, that can be damaged: each time a copy is. */
export interface Place {
  /** In words. */
  readonly name: string;
  /** Whether a bit of a blob can be another. In a bucket Cloud Storage sees to that, and sends blobs itself. */
  readonly hasBrokenBlobs: boolean;
  /** The service's variables for the whole store. */
  readonly environment: Readonly<Record<string, string>>;
  keys(): Promise<readonly string[]>;
  /** A copy of which some objects are damaged. */
  damaged(keys: readonly string[], damage: Damage): Promise<DamagedPlace>;
}

export interface DamagedPlace extends AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>;
}
