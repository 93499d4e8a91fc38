import { crc32 } from 'node:zlib';

/** The most that one stored block holds (RFC 1951, section 3.2.4). */
const MAX_STORED_BYTES = 0xffff;

/**
 * A gzip member (RFC 1952) that holds `bytes` as they are. Its own bytes depend on nothing but `bytes`: on no
 * compressor and no version of one.
 *
 * @throws RangeError for more than 65,535 bytes
 */
export function storedMember(bytes: Uint8Array): Buffer {
  if (bytes.length > MAX_STORED_BYTES) throw new RangeError(`${bytes.length} bytes do not fit into a stored block`);
  const member = Buffer.alloc(15 + bytes.length + 8);
  // Magic, deflate, no flags, no time, no hints, "unknown" system (RFC 1952, section 2.3); then one block, the last.
  member.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1]);
  member.writeUInt16LE(bytes.length, 11);
  member.writeUInt16LE(~bytes.length & 0xffff, 13);
  member.set(bytes, 15);
  member.writeUInt32LE(crc32(bytes), 15 + bytes.length);
  member.writeUInt32LE(bytes.length, 19 + bytes.length);
  return member;
}
