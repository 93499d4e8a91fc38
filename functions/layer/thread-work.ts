import type { LayerFormat } from './compressor.ts';
import type { StorePathSource } from './source/source.ts';
import type { ByteString } from './tree.ts';

/** A store path that a thread is to pack. */
export interface NamedSource {
  /** How its entries are named, without a slash in front. */
  readonly name: ByteString;
  readonly source: StorePathSource;
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
   * @param sources each is asked for when its turn has come
   * @param write takes the pieces of all members, one after the other, and resolves when a piece's memory can be used again
   * @returns of each member, and of the layer, head and tail included
   * @throws what reading a {@link Packing} does, and what `write` throws
   */
  pack(
    sources: readonly (() => NamedSource)[],
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
