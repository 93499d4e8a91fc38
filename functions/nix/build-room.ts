import type { StorePath } from './store-path.ts';

/** There is no room in the Nix store for what an image needs. */
export class StoreFullError extends Error {
  readonly code = 'STORE_FULL';
  override readonly name = 'StoreFullError';
  /** `for-now`: other builds hold room that they will give back. `always`: it is alone, and does not fit. */
  readonly lasts: 'for-now' | 'always';

  constructor(lasts: StoreFullError['lasts'], message: string, cause?: unknown) {
    super(message, { cause });
    this.lasts = lasts;
  }
}

/** The room in a Nix store that is small, such as one in memory. */
export interface StoreRoom {
  /** A build begins. Whatever it holds, and what that refers to, stays in the store until it is closed. */
  open(): BuildRoom;
  /** Ends when no collection runs or is wanted. */
  idle(): Promise<void>;
}

/** What one build has of the room. */
export interface BuildRoom {
  hold(paths: Iterable<StorePath>): Promise<void>;
  /** Runs what makes store paths that nothing holds yet: nothing is collected meanwhile. */
  keepingAll<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Runs what adds to the store, once there is room. When the store is full all the same, garbage is collected and `work`
   * runs once more.
   *
   * @param neededBytes what is known beforehand that it will take
   * @param isFull whether an error of `work` says that there was no room
   * @throws StoreFullError, and what `work` throws
   */
  adding<T>(neededBytes: number, work: () => Promise<T>, isFull: (error: unknown) => boolean): Promise<T>;
  /** The build has ended. When the store is above its limit, what nobody holds is collected, which is not waited for. */
  close(): Promise<void>;
}
