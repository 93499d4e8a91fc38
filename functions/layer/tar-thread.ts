import { Worker } from 'node:worker_threads';
import { SMALL_BYTES } from './compressor.ts';
import type { TarReply, TarRequest, TarThreadMemory } from './tar-messages.ts';

/** One thread that reads store paths, seen from outside. */
export interface TarThread {
  readonly memory: TarThreadMemory;
  /** False when it has ended, which it never does by itself. */
  readonly alive: boolean;
  /** Asks something, once what was asked before is answered. @throws Error when the thread ends before it has answered */
  ask(request: TarRequest): Promise<TarReply>;
  /** Lets what the thread is doing fail soon. */
  cancel(): void;
}

/** Does not keep the process from ending while it is asked nothing. */
export function startTarThread(entry: URL): TarThread {
  const memory: TarThreadMemory = {
    window: new SharedArrayBuffer(SMALL_BYTES),
    cancelled: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
  };
  // The options of this process are for its own entry.
  const worker = new Worker(entry, {
    workerData: memory,
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  let alive = true;
  let asked: PromiseWithResolvers<TarReply> | undefined;
  let failure: unknown;
  worker.on('message', (reply: TarReply) => {
    worker.unref();
    asked?.resolve(reply);
    asked = undefined;
  });
  worker.on('error', (error) => {
    failure = error;
  });
  worker.on('exit', (status) => {
    alive = false;
    asked?.reject(ended(status, failure));
    asked = undefined;
  });

  // A listener for messages holds the process, so only now.
  worker.unref();

  return {
    memory,
    get alive() {
      return alive;
    },
    ask(request) {
      if (!alive) return Promise.reject(ended(undefined, failure));
      if (request.kind === 'open') Atomics.store(memory.cancelled, 0, 0);
      worker.ref();
      asked = Promise.withResolvers();
      worker.postMessage(request);
      return asked.promise;
    },
    cancel() {
      Atomics.store(memory.cancelled, 0, 1);
    },
  };
}

function ended(status: number | undefined, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : `status ${String(status)}`;
  return new Error(`the thread that reads store paths has ended: ${why}`, { cause });
}
