import type { ImageMaker } from '../make/make.ts';
import { rehearse, type RehearsedWith } from './rehearsal.ts';

/** What is done before anybody asks for an image. Who asks for one ends it, and has the machine for it. */
export interface IdleWork {
  /** Does something, until somebody asks for an image. @throws what the work throws, unless it was ended */
  run(work: (stop: AbortSignal) => Promise<void>): Promise<void>;
  /** Makes an image for nobody, so that all that makes images has run before. @throws what making layers throws */
  rehearse(into: RehearsedWith): Promise<void>;
  /** A maker that ends all of it when it is asked for an image. */
  endedBy(maker: ImageMaker): ImageMaker;
  /** Ends it, and resolves when nothing of it goes on. */
  end(): Promise<void>;
}

export function idleWork(): IdleWork {
  const over = new AbortController();
  const { signal } = over;
  const running = new Set<Promise<void>>();

  async function runNow(work: (stop: AbortSignal) => Promise<void>): Promise<void> {
    try {
      if (!signal.aborted) await work(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  function run(work: (stop: AbortSignal) => Promise<void>): Promise<void> {
    const one = runNow(work).finally(() => running.delete(one));
    running.add(one);
    return one;
  }

  return {
    run,
    rehearse: (into) => run((stop) => rehearse(into, stop)),
    endedBy: (maker) => ({
      keyOf: (order) => maker.keyOf(order),
      check: (order, call) => maker.check(order, call),
      make(order, call) {
        over.abort();
        return maker.make(order, call);
      },
    }),
    async end() {
      over.abort();
      // Who ran it was told how it failed.
      await Promise.allSettled(running);
    },
  };
}
