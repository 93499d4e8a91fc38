import type { ClosurePath } from '../../nix/store-path.ts';

/**
 * What paths on their way to the store may keep in memory together. It bounds what is on its way, not what is packed at
 * once: that the threads which read bound, and while one path's bytes are synced to the disk others are packed.
 */
export const MAX_BYTES_IN_FLIGHT = 48 * 1024 * 1024;

/** The most that one of them keeps: a bucket holds this much of an upload until it is confirmed. */
const MAX_BYTES_OF_PATH = 16 * 1024 * 1024;

/** The least: what an open stream takes. */
const MIN_BYTES_OF_PATH = 512 * 1024;

/** What the paths of one layer count for. */
export function bytesInFlight(group: readonly ClosurePath[]): number {
  const narSizeBytes = group.reduce((total, path) => total + path.narSizeBytes, 0);
  return Math.max(MIN_BYTES_OF_PATH, Math.min(MAX_BYTES_OF_PATH, narSizeBytes));
}
