import { availableParallelism } from 'node:os';
import type { ThreadInput } from './compressor.ts';
import type { TarReply, TarRequest, TarTotals } from './tar-messages.ts';
import { startTarThread, type TarThread } from './tar-thread.ts';
import { errorOf } from './thread-error.ts';
import type { ByteString } from './tree.ts';

/** The tar entries of a store path, without head and tail, made in another thread. */
export interface ThreadTar extends ThreadInput {
  /** @throws Error before all was read */
  totals(): TarTotals;
  /** Gives the thread back, also when not all was read. Resolves when the thread has nothing of it open any more. */
  close(): Promise<void>;
}

/** Threads that read store paths. */
export interface TarThreads {
  /**
   * Waits for a thread and reads what lies at the path. The thread is taken until all was read or `close` was called.
   *
   * @param path `name` is how the entries are named, without a slash in front; `location` where it lies on this disk
   * @throws StorePathMissingError, StorePathError, Error of the file system, the reason of the signal
   */
  open(
    path: { readonly name: ByteString; readonly location: ByteString },
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<ThreadTar>;
}

let processThreads: TarThreads | undefined;

/** The threads of this process, as many as there are cores. */
export function sharedTarThreads(): TarThreads {
  return (processThreads ??= tarThreads(availableParallelism()));
}

/**
 * Starts `count` threads at once: it takes each 0.1 to 0.2 s to be ready, while nothing needs it yet. One that ends is
 * replaced when it is needed. Idle ones do not keep the process from ending.
 */
export function tarThreads(count: number, entry = new URL('./tar-worker.ts', import.meta.url)): TarThreads {
  const idle = Array.from({ length: count }, () => startTarThread(entry));
  const waiting: ((thread: TarThread) => void)[] = [];

  async function take(signal: AbortSignal | undefined): Promise<TarThread> {
    signal?.throwIfAborted();
    const free = idle.pop();
    if (free) return free.alive ? free : startTarThread(entry);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.splice(waiting.indexOf(take), 1);
        reject(signal?.reason as Error);
      };
      const take = (thread: TarThread): void => {
        signal?.removeEventListener('abort', leave);
        resolve(thread);
      };
      waiting.push(take);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  function giveBack(thread: TarThread): void {
    const next = waiting.shift();
    if (next) next(thread.alive ? thread : startTarThread(entry));
    else idle.push(thread);
  }

  return {
    async open({ name, location }, { signal } = {}) {
      const thread = await take(signal);
      const tar = threadTar(thread, signal, () => {
        giveBack(thread);
      });
      await tar.open(name, location);
      return tar;
    },
  };
}

function threadTar(
  thread: TarThread,
  signal: AbortSignal | undefined,
  giveBack: () => void,
): ThreadTar & { open(name: ByteString, location: ByteString): Promise<void> } {
  let smallBytes: number | undefined;
  let totals: TarTotals | undefined;
  let isTaken = true;
  let latest: Promise<unknown> = Promise.resolve();

  const cancel = (): void => {
    if (isTaken) thread.cancel();
  };
  function release(): void {
    if (!isTaken) return;
    isTaken = false;
    signal?.removeEventListener('abort', cancel);
    giveBack();
  }
  async function ask<K extends TarReply['kind']>(
    request: TarRequest,
    ...kinds: readonly K[]
  ): Promise<TarReply & { kind: K }> {
    if (!isTaken) throw new Error('the store path is closed');
    const asked = thread.ask(request);
    latest = asked;
    let reply: TarReply;
    try {
      reply = await asked;
    } catch (error) {
      release();
      throw error;
    }
    if ('totals' in reply) ({ totals } = reply);
    if (reply.kind !== 'opened' && reply.kind !== 'chunk') release();
    if (reply.kind === 'failed') {
      signal?.throwIfAborted();
      throw errorOf(reply.error);
    }
    if (!isOneOf(reply, kinds)) throw new Error(`a thread answered ${request.kind} with ${reply.kind}`);
    return reply;
  }

  async function closeIfOpen(): Promise<void> {
    if (isTaken) await ask({ kind: 'close' }, 'closed');
  }

  signal?.addEventListener('abort', cancel, { once: true });
  return {
    async open(name, location) {
      const reply = await ask({ kind: 'open', name, location }, 'opened');
      ({ smallBytes } = reply);
    },
    get smallBytes() {
      return smallBytes;
    },
    async gzip(level) {
      return Buffer.from((await ask({ kind: 'gzip', level }, 'member')).bytes);
    },
    async writeTo(descriptor) {
      await ask({ kind: 'write', descriptor }, 'end');
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const reply = await ask({ kind: 'next' }, 'chunk', 'end');
        if (reply.kind === 'end') return;
        yield new Uint8Array(thread.memory.window, 0, reply.windowBytes);
      }
    },
    cancel,
    totals() {
      if (totals === undefined) throw new Error('the store path was not read to its end');
      return totals;
    },
    async close() {
      if (!isTaken) return;
      cancel();
      await Promise.allSettled([latest]);
      await closeIfOpen();
    },
  };
}

function isOneOf<K extends TarReply['kind']>(reply: TarReply, kinds: readonly K[]): reply is TarReply & { kind: K } {
  return (kinds as readonly string[]).includes(reply.kind);
}
