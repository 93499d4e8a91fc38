import type { LayerJob } from './job.ts';
import type { LayerReply, LayerRequest } from './messages.ts';
import type { GroupPacking, MemberTotals, NamedSource } from '../thread-work.ts';

export function groupPacking(job: LayerJob): GroupPacking {
  /** While a piece is written the thread makes the next, of the next member where one has ended. */
  function ask<K extends LayerReply['kind']>(request: LayerRequest, kind: K): Promise<LayerReply & { kind: K }> {
    const asked = job.ask(request, kind);
    // Its failure is met where it is awaited, which may be later or, when writing fails, never.
    asked.catch(() => undefined);
    return asked;
  }
  const askFor = (named: () => NamedSource) => {
    const { name, source } = named();
    return ask({ kind: 'pack', name, source, ofGroup: true }, 'piece');
  };

  return {
    format: job.format,
    async pack([first, ...others], write) {
      if (first === undefined) throw new RangeError('a layer needs at least one path');
      await job.ask({ kind: 'group' }, 'more');
      const members: MemberTotals[] = [];
      const left = others.values();
      let next: ReturnType<typeof askFor> | undefined = askFor(first);
      while (next !== undefined) {
        const { window, bytes, member }: Awaited<typeof next> = await next;
        if (member === undefined) next = ask({ kind: 'next' }, 'piece');
        else {
          members.push(member);
          const following = left.next().value;
          next = following && askFor(following);
        }
        await write(Buffer.from(job.windows[window], 0, bytes));
      }
      // Not sooner: with the reply others get the thread, and its memory.
      const { totals } = await ask({ kind: 'group-end' }, 'hashed');
      return { members, layer: totals };
    },
    close: () => job.close(),
  };
}
