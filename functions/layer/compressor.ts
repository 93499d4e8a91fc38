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
   * @param input each of its chunks is valid only until the next is asked for
   * @returns chunks that are valid only until the next is asked for
   */
  compress(input: Chunks | ThreadInput, options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<Buffer>;
}

export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Input that another thread makes. Its chunks can be asked for like those of any other; but it is faster not to bring
 * them into this thread, in one of the two other ways. Only one of the three, and only once.
 */
export interface ThreadInput extends AsyncIterable<Uint8Array> {
  /** Length of all, in bytes; undefined when that is more than {@link SMALL_BYTES}. */
  readonly smallBytes: number | undefined;

  /** All of a small input as one gzip member of zlib. */
  gzip(level: number): Promise<Buffer>;

  /**
   * Writes everything to a pipe, with calls that wait until there is room. The descriptor stays open.
   *
   * @throws Error with code EPIPE when nobody reads any more; the source's error
   */
  writeTo(descriptor: number): Promise<void>;

  /** Lets writing stop before the next chunk. */
  cancel(): void;
}

export function isThreadInput(input: Chunks | ThreadInput): input is ThreadInput {
  return 'writeTo' in input;
}

/**
 * Input up to this length is compressed by zlib whatever the compressor: to start another process takes 10 to 30 ms of a
 * core in a virtual machine, in which zlib compresses this much. The length decides, never the load, so equal input has
 * equal bytes.
 */
export const SMALL_BYTES = 1024 * 1024;

/** The part of a key that says who compressed. */
export function compressorIdentity({ name, version, level, architecture }: Compressor): {
  readonly name: string;
  readonly version: string;
  readonly level: number;
  readonly architecture: string;
} {
  return { name, version, level, architecture };
}
