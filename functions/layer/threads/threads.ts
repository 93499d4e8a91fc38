import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { CompressorName } from '../compressor.ts';
import { groupPacking } from './group-packing.ts';
import type { GroupPacking } from '../thread-work.ts';
import { inflation } from './inflation.ts';
import type { Inflation } from '../thread-work.ts';
import { layerJob } from './job.ts';
import { startLayerThread, type LayerThread } from './thread.ts';
import { packing } from './packing.ts';
import type { NamedSource, Packing } from '../thread-work.ts';
import { localSource } from '../source/source.ts';

/** Threads that make layers. Each job takes one until it is done or closed; others wait. */
export interface LayerThreads {
  /** @throws the reason of the signal; what is wrong with the path, reading it says */
  pack(path: NamedSource, options?: { readonly signal?: AbortSignal | undefined }): Promise<Packing>;
  /** Packs several store paths in one thread, which makes one layer of them. @throws the reason of the signal */
  packGroup(options?: { readonly signal?: AbortSignal | undefined }): Promise<GroupPacking>;
  /** @throws the reason of the signal */
  inflate(options?: { readonly signal?: AbortSignal | undefined }): Promise<Inflation>;
  /** Whether a thread waits for work. */
  isIdle(): boolean;
  /**
   * Starts all threads, one after the other, and lets each pack something small while nobody wants it, so that the first
   * path is not packed by code that runs for the first time: that takes twice as long. One at a time, so that what the
   * process does meanwhile has a core for itself. Asked again, it is the same.
   */
  warmUp(): Promise<void>;
  /** Ends the warming up, and resolves when no thread is starting. Before that the process must not end itself. */
  settled(): Promise<void>;
}

const processThreads = new Map<CompressorName, LayerThreads>();

/** The threads of this process for a compressor, as many as there are cores. */
export function sharedLayerThreads(compressor: CompressorName): LayerThreads {
  let threads = processThreads.get(compressor);
  if (threads === undefined) {
    threads = layerThreads(compressor, availableParallelism());
    processThreads.set(compressor, threads);
  }
  return threads;
}

/**
 * As many threads as `count`. It takes each 0.1 to 0.2 s to be ready: they are started when they are wanted or warmed up. One
 * that ends is replaced when it is needed. Idle ones do not keep the process from ending.
 */
export function layerThreads(
  compressor: CompressorName,
  count: number,
  entry = new URL('./worker.ts', import.meta.url),
): LayerThreads {
  const starting = new Set<Promise<void>>();
  function start(): LayerThread {
    const thread = startLayerThread(entry, compressor);
    const { started } = thread;
    starting.add(started);
    void started.then(() => starting.delete(started));
    return thread;
  }
  const idle: LayerThread[] = [];
  let unstarted = count;
  function startAnother(): LayerThread | undefined {
    if (unstarted === 0) return undefined;
    unstarted--;
    return start();
  }
  const waiting: ((thread: LayerThread) => void)[] = [];
  /** Aborted when somebody wants the thread that is being warmed up. */
  let warming: AbortController | undefined;
  let isSettled = false;

  async function take(signal: AbortSignal | undefined): Promise<LayerThread> {
    signal?.throwIfAborted();
    const free = idle.pop();
    if (free) return free.alive ? free : start();
    // The one that is warmed up is there sooner than another.
    const another = warming === undefined || waiting.length > 0 ? startAnother() : undefined;
    if (another) return another;
    warming?.abort();
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.splice(waiting.indexOf(take), 1);
        reject(signal?.reason as Error);
      };
      const take = (thread: LayerThread): void => {
        signal?.removeEventListener('abort', leave);
        resolve(thread);
      };
      waiting.push(take);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  function giveBack(thread: LayerThread): void {
    const next = waiting.shift();
    if (next) next(thread.alive ? thread : start());
    else idle.push(thread);
  }

  /** Gives it back early when somebody waits for a thread. */
  async function warm(thread: LayerThread): Promise<void> {
    warming = new AbortController();
    const { signal } = warming;
    await thread.started;
    const job = layerJob(thread, signal, () => {
      giveBack(thread);
    });
    if (waiting.length > 0) {
      job.done();
      return;
    }
    try {
      const folder = packing(job, { name: 'warm-up', source: localSource(fileURLToPath(new URL('.', entry))) });
      for await (const piece of folder) if (piece.length === 0) throw new Error('a thread packs nothing');
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await job.close();
    }
  }

  const jobOf = async (signal: AbortSignal | undefined) => {
    const thread = await take(signal);
    return layerJob(thread, signal, () => {
      giveBack(thread);
    });
  };

  async function warmAll(): Promise<void> {
    try {
      while (!isSettled) {
        const thread = startAnother();
        if (thread === undefined) return;
        await warm(thread);
      }
    } finally {
      warming = undefined;
    }
  }
  let warmedUp: Promise<void> | undefined;

  return {
    pack: async (path, { signal } = {}) => packing(await jobOf(signal), path),
    packGroup: async ({ signal } = {}) => groupPacking(await jobOf(signal)),
    inflate: async ({ signal } = {}) => inflation(await jobOf(signal)),
    isIdle: () => idle.some(({ alive }) => alive),
    warmUp: () => (warmedUp ??= warmAll()),
    async settled() {
      isSettled = true;
      await Promise.all(starting);
    },
  };
}
