import { HEAD, TAIL } from '../frame/frame.ts';
import type { LayerJob } from './job.ts';
import { type LayerReply, WINDOW_BYTES } from './messages.ts';
import type { MemberTotals, NamedSource, Packing, TarTotals } from '../thread-work.ts';

/** Room for the longest end of a layer, with the head of one that has nothing before it. */
const END_BYTES = WINDOW_BYTES + 4096;

/** As many as were ever in use at once: new memory costs more than what is done with it, in a virtual machine above all. */
const spareEnds: Buffer[] = [];

function joined(into: Buffer, parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) {
    into.set(part, length);
    length += part.length;
  }
  return into.subarray(0, length);
}

/**
 * While one piece is in use the thread makes the next.
 *
 * Reading throws StorePathMissingError, StorePathError, CompressorError, Error of the file system, the reason of the signal.
 */
export function packing(job: LayerJob, { name, source }: NamedSource): Packing {
  type Piece = LayerReply & { kind: 'piece' };
  let totals: (MemberTotals & TarTotals) | undefined;

  function ask(request: Parameters<LayerJob['ask']>[0]): Promise<Piece> {
    const asked = job.ask(request, 'piece');
    // Its failure is met where it is awaited, which may be later or, when nobody reads on, never.
    asked.catch(() => undefined);
    return asked;
  }
  let next = ask({ kind: 'pack', name, source, ofGroup: false });

  return {
    memberOffset: HEAD[job.format].length,
    async *[Symbol.asyncIterator]() {
      for (let head = [HEAD[job.format]]; ; head = []) {
        const piece = await next;
        const bytes = Buffer.from(job.windows[piece.window], 0, piece.bytes);
        if (piece.member === undefined || piece.totals === undefined) {
          next = ask({ kind: 'next' });
          yield* head;
          yield bytes;
        } else {
          totals = { ...piece.member, ...piece.totals };
          // In memory of its own, so that the thread need not wait until the end is written.
          const memory = spareEnds.pop() ?? Buffer.allocUnsafeSlow(END_BYTES);
          const end = joined(memory, [...head, bytes, TAIL[job.format]]);
          job.done();
          yield end;
          // Who wants more is done with it; who stops before may not be.
          spareEnds.push(memory);
          return;
        }
      }
    },
    totals() {
      if (totals === undefined) throw new Error('the store path was not read to its end');
      return totals;
    },
    close: () => job.close(),
  };
}
