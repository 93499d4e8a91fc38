import type { CompressorName } from '../compressor.ts';
import type { PlainError } from './plain-error.ts';
import type { MemberTotals, NamedSource, TarTotals } from '../thread-work.ts';

/** Length of one of the two pieces of memory that a thread fills in turn. */
export const WINDOW_BYTES = 512 * 1024;

/** What a thread is started with. */
export interface LayerThreadStart {
  readonly compressor: CompressorName;
  /** What both threads see: two pieces of `WINDOW_BYTES`, used in turn. A piece stays as it is until the second reply after its own. */
  readonly windows: readonly [SharedArrayBuffer, SharedArrayBuffer];
  /** Not 0 when what is being done is no longer wanted. */
  readonly cancelled: Int32Array<SharedArrayBuffer>;
}

/** What a thread is asked. Each request has one reply, and the next one waits for it. */
export type LayerRequest =
  /** Starts to pack a store path, and gives the first piece of its member. `ofGroup`: within what `group` has begun. */
  | ({ readonly kind: 'pack'; readonly ofGroup: boolean } & NamedSource)
  | { readonly kind: 'next' }
  /** The store paths that are packed from now on are hashed as one layer as well, until `group-end`. */
  | { readonly kind: 'group' }
  | { readonly kind: 'group-end' }
  /** Starts to inflate the members of a layer, without its head and tail. */
  | { readonly kind: 'inflate' }
  /** They lie in a window, and stay there until the reply. */
  | { readonly kind: 'member-bytes'; readonly window: 0 | 1; readonly bytes: number }
  | { readonly kind: 'member-end' }
  | { readonly kind: 'inflate-end' }
  | { readonly kind: 'close' };

/** What a thread says by itself, once, when it can be asked. */
export interface LayerThreadReady {
  readonly kind: 'ready';
}

/** After a `piece` with totals, `hashed`, `closed` and `failed` nothing is open any more. */
export type LayerReply =
  | {
      readonly kind: 'piece';
      readonly window: 0 | 1;
      readonly bytes: number;
      /** With the last piece of a member. */
      readonly member?: MemberTotals;
      /** With the last piece of a store path that is a layer by itself. */
      readonly totals?: TarTotals;
    }
  | { readonly kind: 'more' }
  | { readonly kind: 'hashed'; readonly totals: TarTotals }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly error: PlainError };
