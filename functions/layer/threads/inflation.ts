import type { LayerJob } from './job.ts';
import { type LayerRequest, WINDOW_BYTES } from './messages.ts';
import type { Inflation } from '../thread-work.ts';

/** While it inflates, the next bytes are fetched: a failure is met by the call after. @throws CompressorError, the reason of the signal */
export function inflation(job: LayerJob): Inflation {
  const windows = job.windows.map((window) => Buffer.from(window)) as [Buffer, Buffer];
  let turn: 0 | 1 = 0;
  let before: Promise<unknown> = job.ask({ kind: 'inflate' }, 'more');
  before.catch(() => undefined);

  async function then(request: LayerRequest): Promise<void> {
    await before;
    before = job.ask(request, 'more');
    before.catch(() => undefined);
  }

  return {
    async write(bytes) {
      for (let offset = 0; offset < bytes.length;) {
        // The thread may still read the other window.
        const piece = bytes.subarray(offset, offset + WINDOW_BYTES);
        windows[turn].set(piece);
        await then({ kind: 'member-bytes', window: turn, bytes: piece.length });
        turn = turn === 0 ? 1 : 0;
        offset += piece.length;
      }
    },
    endMember: () => then({ kind: 'member-end' }),
    async end() {
      await before;
      const { totals } = await job.ask({ kind: 'inflate-end' }, 'hashed');
      return totals;
    },
    close: () => job.close(),
  };
}
