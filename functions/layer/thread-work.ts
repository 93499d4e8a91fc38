import type { LayerFormat } from './compressor.ts';
import type { ByteString, Tree } from './tree.ts';

/** Where a store path is that a thread is to pack. */
export interface StorePathPlace {
  /** How its entries are named, without a slash in front. */
  readonly name: ByteString;
  /** Where it lies on this disk. */
  readonly location: ByteString;
  /** What lies there, when it was read before: reading it takes as long as packing small files does. */
  readonly tree?: Tree | undefined;
}

/** A store path's layer on its way: head, member and tail, once. */
export interface Packing extends AsyncIterable<Buffer> {
  /** Where the path's member begins in it. */
  readonly memberOffset: number;
  /** @throws Error before all was read */
  totals(): MemberTotals & TarTotals;
  /** Ends it, wherever it is. */
  close(): Promise<void>;
}

/** Store paths that are packed one after the other, in one thread, as the members of one layer. */
export interface GroupPacking {
  readonly format: LayerFormat;
  /**
   * Packs all of them; once.
   *
   * @param places each is asked for when its turn has come
   * @param write takes the pieces of all members, one after the other, and resolves when a piece's memory can be used again
   * @returns of each member, and of the layer, head and tail included
   * @throws what reading a {@link Packing} does, and what `write` throws
   */
  pack(
    places: readonly (() => StorePathPlace)[],
    write: (piece: Buffer) => Promise<void>,
  ): Promise<{ readonly members: readonly MemberTotals[]; readonly layer: TarTotals }>;
  /** Ends it, wherever it is. */
  close(): Promise<void>;
}

/** Inflates the members of a layer, one after the other. */
export interface Inflation {
  /** Some bytes of the open member, or the first of a new one. They can be changed when it has resolved. */
  write(bytes: Uint8Array): Promise<void>;
  endMember(): Promise<void>;
  /** Of the layer that these members make, with head and tail. */
  end(): Promise<TarTotals>;
  /** Ends it, wherever it is. */
  close(): Promise<void>;
}

/** Of a whole uncompressed layer: head, entries and tail. */
export interface TarTotals {
  /** In hexadecimal. */
  readonly sha256: string;
  readonly uncompressedBytes: number;
}

/** Lengths of a layer's member: compressed, and of its entries. */
export interface MemberTotals {
  readonly memberBytes: number;
  readonly memberTarBytes: number;
}
