import type { Logger } from 'pino';
import { type ClosureQuery, waitingClosureQuery, type WaitingClosureQuery } from './closure.ts';
import type { Nix, NixCall, ResolveRequest } from './nix.ts';
import { waitingEvaluation, type WaitingEvaluation } from './waiting-evaluation.ts';

/**
 * Processes of Nix that were started before anybody asked: one evaluation, and one to ask for closures. By the time that
 * somebody does, Nix has started, read the package set and evaluated what most images need.
 */
export interface ReadyNix {
  /**
   * Starts them for a source and a system, and ends what waits for others. To be called when there is nothing better to
   * do: it takes a processor for as long as any evaluation, and then no time, but its memory.
   *
   * @param request the names to evaluate beforehand, in a source that never changes
   */
  begin(request: ResolveRequest): void;
  /**
   * What `resolve.nix` prints for these names; undefined when no evaluation waits for names of this source and system.
   *
   * @throws ProcessError when Nix gives up, is stopped or takes too long
   */
  resolve(request: ResolveRequest, call: NixCall): Promise<string | undefined>;
  /** The process to ask for a closure; undefined when none waits. Who takes it closes it. */
  closureQuery(call: NixCall): ClosureQuery | undefined;
  /** Ends what waits, and starts nothing more. */
  stop(): Promise<void>;
}

export function readyNix(
  nix: Nix,
  world: {
    readonly log: Pick<Logger, 'warn'>;
    /** Milliseconds that an evaluation may take. */
    readonly timeoutMs: number;
  },
): ReadyNix {
  const { log, timeoutMs } = world;
  let evaluation: { readonly fits: string; readonly waiting: Promise<WaitingEvaluation | undefined> } | undefined;
  let query: WaitingClosureQuery | undefined;
  let isStopped = false;

  function takeEvaluation(): Promise<WaitingEvaluation | undefined> | undefined {
    const taken = evaluation?.waiting;
    evaluation = undefined;
    return taken;
  }
  /** Not waited for by who begins another: Nix may take seconds to end. */
  const ending = new Set<Promise<void>>();
  function endEvaluation(): void {
    const taken = takeEvaluation();
    if (taken === undefined) return;
    const end = taken.then((one) => one?.end()).finally(() => ending.delete(end));
    ending.add(end);
  }

  function beginEvaluation(request: ResolveRequest): void {
    const fits = keyOf(request);
    if (evaluation?.fits === fits) return;
    endEvaluation();
    const processorSeconds = Math.ceil(timeoutMs / 1000);
    const waiting = waitingEvaluation(nix, request, { processorSeconds, failed }).catch((error: unknown) => {
      failed(error);
      return undefined;
    });
    evaluation = { fits, waiting };

    function failed(error: unknown): void {
      if (evaluation?.waiting === waiting) evaluation = undefined;
      log.warn({ err: error }, 'an evaluation cannot be begun before it is asked for');
    }
  }

  return {
    begin(request) {
      // An evaluation that may build would do so for nobody.
      if (isStopped || nix.importFromDerivation === 'allow') return;
      beginEvaluation(request);
      if (query?.hasEnded() !== false) query = waitingClosureQuery(nix);
    },
    async resolve(request, call) {
      if (evaluation?.fits !== keyOf(request)) return undefined;
      return (await takeEvaluation())?.answer(request.attributes, call);
    },
    closureQuery(call) {
      const taken = query?.hasEnded() === false ? query : undefined;
      query = undefined;
      return taken?.forCall(call);
    },
    async stop() {
      isStopped = true;
      endEvaluation();
      const closing = query?.close();
      query = undefined;
      await Promise.all([closing, ...ending]);
    },
  };
}

function keyOf({ source, system }: ResolveRequest): string {
  return JSON.stringify([source, system]);
}
