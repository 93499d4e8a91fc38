/** What every frame begins with, little-endian (RFC 8878, section 3.1.1). */
export const ZSTD_MAGIC = 0xfd2fb528;

/** What comes next in a frame (RFC 8878, section 3.1.1): what is read of it, or how much is passed over. */
type Step =
  | { readonly kind: 'start' | 'block'; readonly bytes: number[] }
  | { readonly kind: 'header' | 'body' | 'checksum'; left: number };

const START_BYTES = 5;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const RLE_BLOCK = 1;

/**
 * Cuts chunks at the ends of frames: Node's zstd drops what comes behind a frame in the same chunk (Node 24). Where the
 * bytes are no frames they are given back as they are.
 */
export function cutIntoFrames(): (chunk: Buffer) => readonly Buffer[] {
  let step: Step | undefined = { kind: 'start', bytes: [] };
  let hasChecksum = false;
  let isLast = false;

  /** What comes after a step that is complete; undefined when this is no frame. */
  function after(done: Step): Step | undefined {
    switch (done.kind) {
      case 'start': {
        const [a = 0, b = 0, c = 0, d = 0, descriptor = 0] = done.bytes;
        if (Buffer.from([a, b, c, d]).readUInt32LE() !== ZSTD_MAGIC) return undefined;
        const isSingle = (descriptor & 0b10_0000) !== 0;
        hasChecksum = (descriptor & 0b100) !== 0;
        const windowBytes = isSingle ? 0 : 1;
        const dictionaryBytes = [0, 1, 2, 4][descriptor & 0b11] ?? 0;
        const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
        return { kind: 'header', left: windowBytes + dictionaryBytes + sizeBytes };
      }
      case 'header':
        return { kind: 'block', bytes: [] };
      case 'block': {
        const [a = 0, b = 0, c = 0] = done.bytes;
        const header = a | (b << 8) | (c << 16);
        isLast = (header & 1) !== 0;
        return { kind: 'body', left: ((header >>> 1) & 0b11) === RLE_BLOCK ? 1 : header >>> 3 };
      }
      case 'body':
        if (!isLast) return { kind: 'block', bytes: [] };
        return hasChecksum ? { kind: 'checksum', left: CHECKSUM_BYTES } : { kind: 'start', bytes: [] };
      case 'checksum':
        return { kind: 'start', bytes: [] };
      default:
        throw new RangeError(`no such step: ${String(done satisfies never)}`);
    }
  }

  /** Takes as much of the chunk as the step needs, and says how much that was. */
  function take(into: Step, chunk: Buffer, offset: number): number {
    if ('left' in into) {
      const taken = Math.min(into.left, chunk.length - offset);
      into.left -= taken;
      return taken;
    }
    const missing = (into.kind === 'start' ? START_BYTES : BLOCK_HEADER_BYTES) - into.bytes.length;
    const taken = chunk.subarray(offset, offset + missing);
    into.bytes.push(...taken);
    return taken.length;
  }

  function isComplete(done: Step): boolean {
    if ('left' in done) return done.left === 0;
    return done.bytes.length === (done.kind === 'start' ? START_BYTES : BLOCK_HEADER_BYTES);
  }

  return (chunk) => {
    const pieces: Buffer[] = [];
    let begin = 0;
    let offset = 0;
    while (step !== undefined && offset < chunk.length) {
      offset += take(step, chunk, offset);
      while (step !== undefined && isComplete(step)) {
        step = after(step);
        if (step?.kind === 'start') {
          pieces.push(chunk.subarray(begin, offset));
          begin = offset;
        }
      }
    }
    if (begin < chunk.length) pieces.push(chunk.subarray(begin));
    return pieces;
  };
}
