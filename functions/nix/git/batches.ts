import pLimit from 'p-limit';
import { unlessAborted } from '../../concurrency/unless-aborted.ts';

/** Asks one thing, together with all who ask before the batch begins. */
export type Batched<T> = (asked: string, signal?: AbortSignal) => Promise<T>;

interface Batch<T> {
  readonly asked: Set<string>;
  readonly stop: AbortController;
  readonly answers: Promise<(asked: string) => T>;
  waiting: number;
}

/** What one batch asks at most: its arguments stay far below what a command line takes. */
const MAX_ASKED = 100;

/**
 * One batch at a time, and all that is asked meanwhile in the next one, which sees what happened before it was asked for.
 * However many ask, one process works for them. A batch that everybody left is not begun, or ended.
 *
 * @param work answers for all that a batch was asked
 */
export function batched<T>(
  work: (asked: readonly string[], signal: AbortSignal) => Promise<(asked: string) => T>,
): Batched<T> {
  const oneAtATime = pLimit(1);
  let next: Batch<T> | undefined;

  function prepare(): Batch<T> {
    const asked = new Set<string>();
    const stop = new AbortController();
    const answers = oneAtATime(() => {
      if (next === batch) next = undefined;
      stop.signal.throwIfAborted();
      return work([...asked], stop.signal);
    });
    // Who left does not hear of it.
    answers.catch(() => undefined);
    const batch: Batch<T> = { asked, stop, answers, waiting: 0 };
    return batch;
  }

  return async (asked, signal) => {
    signal?.throwIfAborted();
    if (next === undefined || next.asked.size >= MAX_ASKED) next = prepare();
    const batch = next;
    batch.asked.add(asked);
    batch.waiting++;
    try {
      return (await unlessAborted(batch.answers, signal))(asked);
    } finally {
      batch.waiting--;
      if (batch.waiting === 0) {
        if (next === batch) next = undefined;
        batch.stop.abort(signal?.reason);
      }
    }
  };
}
