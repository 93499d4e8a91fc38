import type { Logger } from 'pino';
import { type ClosureQuery, waitingClosureQuery, type WaitingClosureQuery } from '../closure/closure.ts';
import type { System } from '../../oci/platform.ts';
import type { Nix, NixCall, ResolveRequest } from '../nix.ts';
import { waitingEvaluation, type WaitingEvaluation } from './waiting-evaluation.ts';

/**
 * Processes of Nix that were started before anybody asked: one evaluation, and one to ask for closures. By the time that
 * somebody does, Nix has started, read the package set and evaluated what most images need.
 */
export interface NixAhead {
  /**
   * Starts them for a source and a system, and ends what waits for others. It takes a processor, with little right to it,
   * for as long as any evaluation, and then no time, but its memory. Where it failed {@link MAX_FAILURES} times in a row
   * for one source and system, it is not tried again.
   *
   * @param request the names to evaluate beforehand, in a source that never changes
   */
  begin(request: ResolveRequest): void;
  /**
   * What `resolve.nix` prints for these names; undefined when no evaluation waits for names of this source and system, or
   * it failed: another says why.
   *
   * @throws ProcessError when the call is aborted or takes too long
   */
  resolve(request: ResolveRequest, call: NixCall): Promise<string | undefined>;
  /** The process to ask for a closure; undefined when none waits. Who takes it closes it. */
  closureQuery(call: NixCall): ClosureQuery | undefined;
  /** Ends what waits, and with it what that keeps in the store. */
  end(): Promise<void>;
  /** The same, and starts nothing more. */
  stop(): Promise<void>;
}

const MAX_FAILURES = 3;

export function nixAhead(
  nix: Nix,
  world: {
    readonly log: Pick<Logger, 'warn'>;
    /** Milliseconds that an evaluation may take. */
    readonly timeoutMs: number;
    /** Whether the store has a limit: then no source is kept in it, or fetched again, for nobody. */
    readonly isStoreSmall?: boolean;
    /** Platforms that images are made for together: the evaluation that waits is for the first of them. Any when absent. */
    readonly systems?: readonly System[] | undefined;
  },
): NixAhead {
  const { log, timeoutMs, isStoreSmall = false, systems = [] } = world;
  let evaluation: { readonly fits: string; readonly waiting: Promise<WaitingEvaluation | undefined> } | undefined;
  let query: WaitingClosureQuery | undefined;
  let failures = { fits: '', count: 0 };
  let isStopped = false;
  /** What is not over yet, also when it was taken or is to end. */
  const living = new Set<Promise<unknown>>();

  function untilOver(work: Promise<unknown>): void {
    const over = work.finally(() => living.delete(over));
    living.add(over);
  }

  function takeEvaluation(): Promise<WaitingEvaluation | undefined> | undefined {
    const taken = evaluation?.waiting;
    evaluation = undefined;
    return taken;
  }
  /** Not waited for by who begins another: Nix may take seconds to end. */
  async function endEvaluation(): Promise<void> {
    await (await takeEvaluation())?.end();
  }

  function beginEvaluation(request: ResolveRequest): void {
    const fits = keyOf(request);
    if (evaluation?.fits === fits || (failures.fits === fits && failures.count >= MAX_FAILURES)) return;
    void endEvaluation();
    const waiting = waitingEvaluation(nix, request, { timeoutMs, log, lost }).catch((error: unknown) => {
      lost(error);
      return undefined;
    });
    evaluation = { fits, waiting };
    untilOver(waiting.then((one) => one?.ended));

    function lost(error: unknown): void {
      if (evaluation?.waiting === waiting) evaluation = undefined;
      failures = { fits, count: failures.fits === fits ? failures.count + 1 : 1 };
      log.warn({ err: error }, 'no evaluation waits for the next image');
    }
  }

  async function end(): Promise<void> {
    const closing = query?.close();
    query = undefined;
    await Promise.all([closing, endEvaluation()]);
  }

  return {
    begin(request) {
      // An evaluation that may build would do so for nobody.
      if (isStopped || nix.importFromDerivation === 'allow') return;
      if (isStoreSmall && request.source.kind !== 'folder') return;
      const system = systems.includes(request.system) ? systems[0] : undefined;
      beginEvaluation(system === undefined ? request : { ...request, system });
      if (query?.hasEnded() !== false) query = waitingClosureQuery(nix);
    },
    async resolve(request, call) {
      if (evaluation?.fits !== keyOf(request)) return undefined;
      const json = await (await takeEvaluation())?.answer(request.attributes, call);
      if (json !== undefined) failures = { fits: '', count: 0 };
      return json;
    },
    closureQuery(call) {
      const taken = query?.hasEnded() === false ? query : undefined;
      query = undefined;
      return taken?.forCall(call);
    },
    end,
    async stop() {
      isStopped = true;
      await end();
      await Promise.all(living);
    },
  };
}

function keyOf({ source, system }: ResolveRequest): string {
  return JSON.stringify([source, system]);
}
