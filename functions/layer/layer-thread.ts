import { Worker } from 'node:worker_threads';
import type { CompressorName } from './compressor.ts';
import { type LayerReply, type LayerRequest, type LayerThreadStart, WINDOW_BYTES } from './layer-messages.ts';

/** One thread that packs store paths and inflates layers, seen from outside. */
export interface LayerThread {
  readonly windows: LayerThreadStart['windows'];
  /** False when it has ended, which it never does by itself. */
  readonly alive: boolean;
  /** Asks something, once what was asked before is answered. @throws Error when the thread ends before it has answered */
  ask(request: LayerRequest): Promise<LayerReply>;
  /** Lets what the thread is doing fail soon. */
  cancel(): void;
}

/** Does not keep the process from ending while it is asked nothing. */
export function startLayerThread(entry: URL, compressor: CompressorName): LayerThread {
  const start: LayerThreadStart = {
    compressor,
    windows: [new SharedArrayBuffer(WINDOW_BYTES), new SharedArrayBuffer(WINDOW_BYTES)],
    cancelled: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
  };
  // The options of this process are for its own entry.
  const worker = new Worker(entry, {
    workerData: start,
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  let alive = true;
  let asked: PromiseWithResolvers<LayerReply> | undefined;
  let failure: unknown;
  worker.on('message', (reply: LayerReply) => {
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
    windows: start.windows,
    get alive() {
      return alive;
    },
    ask(request) {
      if (!alive) return Promise.reject(ended(undefined, failure));
      if (request.kind === 'pack' || request.kind === 'inflate') Atomics.store(start.cancelled, 0, 0);
      worker.ref();
      asked = Promise.withResolvers();
      worker.postMessage(request, request.kind === 'member-bytes' ? [request.bytes] : []);
      return asked.promise;
    },
    cancel() {
      Atomics.store(start.cancelled, 0, 1);
    },
  };
}

function ended(status: number | undefined, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : `status ${String(status)}`;
  return new Error(`the thread that makes layers has ended: ${why}`, { cause });
}
