/** What the setting `NIXERY_COMPRESSION` can be. */
export type CompressorName = 'igzip' | 'zlib' | 'zstd';

/** What a layer is compressed as. In both formats what is joined is one whole when each part is. */
export type LayerFormat = 'gzip' | 'zstd';

/** Who compressed: equal names, equal input, equal bytes. It is a part of the keys. */
export interface CompressorIdentity {
  readonly name: CompressorName;
  readonly version: string;
  readonly level: number;
  /** Of the processor that it runs on, as `process.arch` says: compressors have faster code for some. */
  readonly architecture: string;
}

/** Makes members of layers, and reads those that it made: gzip members (RFC 1952) or frames of zstd (RFC 8878). */
export interface Compressor extends CompressorIdentity {
  /**
   * One member with a header that is always the same. The bytes do not depend on how the input is cut into
   * chunks, on the time, or on how fast anyone reads or writes.
   *
   * @param input each of its chunks is valid only until the next is asked for
   * @returns chunks that are valid only until the next is asked for
   * @throws CompressorError, the source's error
   */
  compress(input: Chunks): AsyncGenerator<Buffer, void, void>;

  /**
   * What one member that `compress` made holds. All was checked when the generator has returned.
   *
   * @param member each of its chunks is valid only until the next is asked for
   * @returns chunks that are valid only until the next is asked for
   * @throws CompressorError when it is damaged or cut off; the source's error
   */
  inflate(member: Chunks): AsyncGenerator<Buffer, void, void>;
}

export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** What the compressor of this name makes. */
export function formatOf(name: CompressorName): LayerFormat {
  return name === 'zstd' ? 'zstd' : 'gzip';
}

/** The four names alone. */
export function compressorIdentity({ name, version, level, architecture }: CompressorIdentity): {
  readonly name: CompressorName;
  readonly version: string;
  readonly level: number;
  readonly architecture: string;
} {
  return { name, version, level, architecture };
}
