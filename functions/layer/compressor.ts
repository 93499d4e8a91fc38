/** Makes gzip members. Its four names identify it: equal names, equal input, equal bytes. They are a part of the keys. */
export interface Compressor {
  readonly name: string;
  readonly version: string;
  readonly level: number;
  /** Of the processor that it runs on, as `process.arch` says: compressors have faster code for some. */
  readonly architecture: string;

  /**
   * One gzip member with a header that is always the same. The bytes do not depend on how the input is cut into
   * chunks, on the time, or on how fast anyone reads or writes.
   *
   * @param chunks each is valid only until the next is asked for
   */
  compress(chunks: Chunks, options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<Buffer>;
}

export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** The part of a key that says who compressed. */
export function compressorIdentity({ name, version, level, architecture }: Compressor): {
  readonly name: string;
  readonly version: string;
  readonly level: number;
  readonly architecture: string;
} {
  return { name, version, level, architecture };
}
