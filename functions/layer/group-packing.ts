import type { LayerJob } from './layer-job.ts';
import type { TarTotals } from './layer-messages.ts';
import { packing, type Packing, type StorePathPlace } from './packing.ts';

/** Store paths that are packed one after the other, in one thread, and hashed as one layer at the same time. */
export interface GroupPacking {
  readonly format: LayerJob['format'];
  /**
   * The next path; the one before has been read to its end.
   *
   * @param member takes the pieces of the path's member for the layer of them all
   */
  pack(place: StorePathPlace, member: (piece: Buffer) => Promise<void>): Packing;
  /** Of the layer of all of them, head and tail included. */
  end(): Promise<TarTotals>;
  /** Ends it, wherever it is. */
  close(): Promise<void>;
}

/** @throws what {@link packing} names, from where it is read */
export function groupPacking(job: LayerJob): GroupPacking {
  const opened = job.ask({ kind: 'group' }, 'more');
  // Met by the first path.
  opened.catch(() => undefined);
  const ordered: LayerJob = {
    ...job,
    ask: async (request, kind) => {
      await opened;
      return job.ask(request, kind);
    },
  };
  return {
    format: job.format,
    pack: (place, member) => packing(ordered, place, member),
    async end() {
      const { totals } = await ordered.ask({ kind: 'group-end' }, 'hashed');
      return totals;
    },
    close: () => job.close(),
  };
}
