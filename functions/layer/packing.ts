import { HEAD, TAIL } from './frame.ts';
import type { LayerJob } from './layer-job.ts';
import type { LayerReply, PackTotals } from './layer-messages.ts';
import type { ByteString } from './tree.ts';

export interface StorePathPlace {
  /** How its entries are named, without a slash in front. */
  readonly name: ByteString;
  /** Where it lies on this disk. */
  readonly location: ByteString;
}

/** A store path's layer on its way: head, member and tail, once. */
export interface Packing extends AsyncIterable<Buffer> {
  /** Where the path's member begins in it. */
  readonly memberOffset: number;
  /** @throws Error before all was read */
  totals(): PackTotals;
  /** Ends it, wherever it is. */
  close(): Promise<void>;
}

/**
 * While one piece is in use the thread makes the next.
 *
 * Reading throws StorePathMissingError, StorePathError, CompressorError, Error of the file system, the reason of the signal.
 *
 * @param group when the path is one of a group: takes the pieces of its member, before they are read as part of its layer
 */
export function packing(
  job: LayerJob,
  { name, location }: StorePathPlace,
  group?: (member: Buffer) => Promise<void>,
): Packing {
  type Piece = LayerReply & { kind: 'piece' };
  let totals: PackTotals | undefined;

  function ask(request: Parameters<LayerJob['ask']>[0]): Promise<Piece> {
    const asked = job.ask(request, 'piece');
    // Its failure is met where it is awaited, which may be later or, when nobody reads on, never.
    asked.catch(() => undefined);
    return asked;
  }
  let next = ask({ kind: 'pack', name, location, ofGroup: group !== undefined });

  return {
    memberOffset: HEAD[job.format].length,
    async *[Symbol.asyncIterator]() {
      for (let head = [HEAD[job.format]]; ; head = []) {
        const piece = await next;
        const bytes = Buffer.from(job.windows[piece.window], 0, piece.bytes);
        if (piece.totals === undefined) {
          next = ask({ kind: 'next' });
          await group?.(bytes);
          yield* head;
          yield bytes;
        } else {
          ({ totals } = piece);
          // In memory of its own, so that the thread need not wait until the end is written.
          const end = Buffer.concat([...head, bytes, TAIL[job.format]]);
          if (group === undefined) job.done();
          else await group(bytes);
          yield end;
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
