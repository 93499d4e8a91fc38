/** Little-endian (RFC 8878, section 3.1.1). */
const ZSTD_MAGIC = 0xfd2fb528;

/** The most that one block holds (RFC 8878, section 3.1.1.2.4). */
const MAX_BLOCK_BYTES = 128 * 1024;

/** Magic, descriptor, content size in four bytes, header of one block. */
const OVERHEAD_BYTES = 4 + 1 + 4 + 3;

/**
 * A zstd frame (RFC 8878) that holds `bytes` as they are. Its own bytes depend on nothing but `bytes`: on no compressor
 * and no version of one.
 *
 * @throws RangeError for more than 131,072 bytes
 */
export function storedFrame(bytes: Uint8Array): Buffer {
  if (bytes.length > MAX_BLOCK_BYTES) throw new RangeError(`${bytes.length} bytes do not fit into a raw block`);
  const frame = Buffer.alloc(OVERHEAD_BYTES + bytes.length);
  frame.writeUInt32LE(ZSTD_MAGIC, 0);
  // A size of four bytes, a single segment, no checksum, no dictionary (section 3.1.1.1.1).
  frame[4] = 0b10_1_00000;
  frame.writeUInt32LE(bytes.length, 5);
  // The last block, raw (section 3.1.1.2).
  frame.writeUIntLE((bytes.length << 3) | 1, 9, 3);
  frame.set(bytes, OVERHEAD_BYTES);
  return frame;
}
