/**
 * Memory that a file is read into, for one reader who sends it on. What was given is taken back when the next piece is asked
 * for, or at the end: so a reader asks when the last one has left.
 */
export interface ReadPieces {
  next(): Buffer;
  end(): void;
}

/** Measured on ext4 and Node 24: reads of 512 KiB run at twice the speed of 64 KiB, larger ones no faster. */
export const LONG_BYTES = 512 * 1024;
/** What a reader that stands still holds: as much as its connection is given at once (`http/connections.ts`). */
export const SHORT_BYTES = 4 * 1024;
/** Long pieces of all readers. They stay, to be used again: to touch new memory takes longer than to read into it. */
const MAX_LONG = 32;
/** Who takes a short piece within this time gets a long one, and keeps getting them while each is taken within this, in milliseconds. */
const SHORT_TAKEN_MS = 10;
const LONG_TAKEN_MS = 100;

/** From 32 MiB on, glibc gives freed memory back to the system at once, whatever was freed before (mallopt(3)). */
const SLAB_BYTES = 32 * 1024 * 1024;
const SLAB_PIECES = SLAB_BYTES / SHORT_BYTES;

/** A piece of memory, and who it belongs to while nobody has it. */
interface Piece {
  readonly bytes: Buffer;
  readonly give: () => void;
}

const freeLong: Piece[] = [];
let madeLong = 0;

/** Undefined when others have them all. */
function takeLong(): Piece | undefined {
  const free = freeLong.pop();
  if (free !== undefined || madeLong === MAX_LONG) return free;
  madeLong++;
  const piece: Piece = { bytes: Buffer.allocUnsafeSlow(LONG_BYTES), give: () => freeLong.push(piece) };
  return piece;
}

/** The last slab stays when all of its pieces are back, unless so many of them were taken at once: those have touched its memory. */
const KEPT_PIECES = (1024 * 1024) / SHORT_BYTES;

/** Short pieces are cut from slabs, which go when all of theirs are back. */
interface Slab {
  readonly free: Piece[];
  /** The fewest that were free at once. */
  fewest: number;
}

const slabs: Slab[] = [];

function newSlab(): Slab {
  const memory = new ArrayBuffer(SLAB_BYTES);
  const slab: Slab = { free: [], fewest: SLAB_PIECES };
  for (let offset = SLAB_BYTES - SHORT_BYTES; offset >= 0; offset -= SHORT_BYTES) {
    const piece: Piece = {
      bytes: Buffer.from(memory, offset, SHORT_BYTES),
      give() {
        slab.free.push(piece);
        const isTouched = SLAB_PIECES - slab.fewest > KEPT_PIECES;
        if (slab.free.length < SLAB_PIECES || (slabs.length === 1 && !isTouched)) return;
        slabs.splice(slabs.indexOf(slab), 1);
        // Given back now, and not when garbage is collected: in an idle process that is never.
        memory.transfer(0);
      },
    };
    slab.free.push(piece);
  }
  slabs.push(slab);
  return slab;
}

function takeShort(): Piece {
  const slab = slabs.find(({ free }) => free.length > 0) ?? newSlab();
  const piece = slab.free.pop() as Piece;
  slab.fewest = Math.min(slab.fewest, slab.free.length);
  return piece;
}

/** For one of many readers, of whom some are slow and some stand still: long pieces are for who takes them quickly. */
export function readPieces(): ReadPieces {
  let piece: Piece | undefined;
  let givenMs = 0;

  function wantsLong(): boolean {
    if (piece === undefined) return false;
    const tookMs = performance.now() - givenMs;
    return tookMs < (piece.bytes.length === LONG_BYTES ? LONG_TAKEN_MS : SHORT_TAKEN_MS);
  }
  function end(): void {
    piece?.give();
    piece = undefined;
  }

  return {
    next() {
      const isLong = wantsLong();
      end();
      piece = (isLong ? takeLong() : undefined) ?? takeShort();
      givenMs = performance.now();
      return piece.bytes;
    },
    end,
  };
}
