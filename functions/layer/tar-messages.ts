import type { PlainError } from './thread-error.ts';
import type { ByteString } from './tree.ts';

/** What both threads see. */
export interface TarThreadMemory {
  /** `SMALL_BYTES` long: a small archive, or one chunk of another. */
  readonly window: SharedArrayBuffer;
  /** Not 0 when the path that is being read is no longer wanted. */
  readonly cancelled: Int32Array<SharedArrayBuffer>;
}

/** What a thread is asked. Each request has one reply, and the next one waits for it. */
export type TarRequest =
  | { readonly kind: 'open'; readonly name: ByteString; readonly location: ByteString }
  | { readonly kind: 'gzip'; readonly level: number }
  | { readonly kind: 'write'; readonly descriptor: number }
  | { readonly kind: 'next' }
  | { readonly kind: 'close' };

/** After `member`, `end`, `closed` and `failed` no path is open any more. */
export type TarReply =
  | { readonly kind: 'opened'; readonly smallBytes: number | undefined }
  | { readonly kind: 'member'; readonly bytes: ArrayBuffer; readonly totals: TarTotals }
  | { readonly kind: 'chunk'; readonly windowBytes: number }
  | { readonly kind: 'end'; readonly totals: TarTotals }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly error: PlainError };

/** Of the whole layer: head, entries and tail. */
export interface TarTotals {
  /** In hexadecimal. */
  readonly sha256: string;
  readonly uncompressedBytes: number;
}
