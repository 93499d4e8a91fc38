import type { LayerReply, LayerRequest } from './messages.ts';
import type { LayerThread } from './thread.ts';
import { errorOf } from './plain-error.ts';

/** What one caller does with a thread. */
export interface LayerJob {
  readonly format: LayerThread['format'];
  readonly windows: LayerThread['windows'];
  /**
   * @throws the error that the thread met, of its class; the reason of the signal; Error when the thread has ended or the
   *   job is over
   */
  ask<K extends LayerReply['kind']>(request: LayerRequest, kind: K): Promise<LayerReply & { kind: K }>;
  /** Gives the thread back when it has nothing more to say. */
  done(): void;
  /** Gives the thread back, also before its end. Resolves when the thread has nothing of it open any more. */
  close(): Promise<void>;
}

/** @param giveBack called once, when the thread can be used by others */
export function layerJob(thread: LayerThread, signal: AbortSignal | undefined, giveBack: () => void): LayerJob {
  let isTaken = true;
  let latest: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;

  const cancel = (): void => {
    if (isTaken) thread.cancel();
  };
  function release(): void {
    if (!isTaken) return;
    isTaken = false;
    signal?.removeEventListener('abort', cancel);
    giveBack();
  }

  /** Asks, and gives the thread back where its reply is the last. */
  const send: LayerJob['ask'] = async (request, kind) => {
    const asked = thread.ask(request);
    latest = asked;
    let reply: LayerReply;
    try {
      reply = await asked;
    } catch (error) {
      release();
      throw error;
    }
    // A piece is in the thread's memory, which others must not get while it is read.
    if (reply.kind !== 'more' && reply.kind !== 'piece') release();
    if (reply.kind === 'failed') {
      signal?.throwIfAborted();
      throw errorOf(reply.error);
    }
    if (reply.kind !== kind) throw new Error(`a thread answered ${request.kind} with ${reply.kind}`);
    return reply as LayerReply & { kind: typeof kind };
  };

  async function closeNow(): Promise<void> {
    cancel();
    await Promise.allSettled([latest]);
    // Where the cancellation was met, this is over already. A thread that has ended is noticed when it is used next.
    if (isTaken) await send({ kind: 'close' }, 'closed').catch(() => undefined);
  }

  signal?.addEventListener('abort', cancel, { once: true });
  return {
    format: thread.format,
    windows: thread.windows,
    async ask(request, kind) {
      // The thread would take what comes while it is being closed for the next job's.
      if (!isTaken || closing !== undefined) throw new Error('this is over');
      return send(request, kind);
    },
    done: release,
    close: () => (closing ??= closeNow()),
  };
}
