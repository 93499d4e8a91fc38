import { Worker } from 'node:worker_threads';
import { type CompressorName, formatOf, type LayerFormat } from '../compressor.ts';
import {
  type LayerReply,
  type LayerRequest,
  type LayerThreadReady,
  type LayerThreadStart,
  WINDOW_BYTES,
} from './messages.ts';

/** One thread that packs store paths and inflates layers, seen from outside. */
export interface LayerThread {
  /** Of the members that it makes and reads. */
  readonly format: LayerFormat;
  readonly windows: LayerThreadStart['windows'];
  /** Resolves when it has started, or has ended instead. */
  readonly started: Promise<void>;
  /** False when it has ended, which it never does by itself. */
  readonly alive: boolean;
  /** Asks something, once what was asked before is answered. @throws Error when the thread ends before it has answered */
  ask(request: LayerRequest): Promise<LayerReply>;
  /** Lets what the thread is doing fail soon. */
  cancel(): void;
}

/**
 * Does not keep the process from ending while it is asked nothing, but for its start: a process that ends while a thread
 * loads koffi is aborted by that (koffi 3.3).
 */
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
  const { promise: started, resolve: isStarted } = Promise.withResolvers<undefined>();
  worker.on('message', (message: LayerReply | LayerThreadReady) => {
    if (message.kind === 'ready') {
      isStarted(undefined);
      if (asked === undefined) worker.unref();
      return;
    }
    worker.unref();
    asked?.resolve(message);
    asked = undefined;
  });
  worker.on('error', (error) => {
    failure = error;
  });
  worker.on('exit', (status) => {
    alive = false;
    isStarted(undefined);
    asked?.reject(ended(status, failure));
    asked = undefined;
  });

  return {
    format: formatOf(compressor),
    windows: start.windows,
    started,
    get alive() {
      return alive;
    },
    ask(request) {
      if (!alive) return Promise.reject(ended(undefined, failure));
      if (asked !== undefined) return Promise.reject(new Error('a thread is asked one thing after the other'));
      // Where a job begins. In a group, what was cancelled stays so.
      const begins =
        request.kind === 'pack' ? !request.ofGroup : request.kind === 'inflate' || request.kind === 'group';
      if (begins) Atomics.store(start.cancelled, 0, 0);
      worker.ref();
      asked = Promise.withResolvers();
      worker.postMessage(request);
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
