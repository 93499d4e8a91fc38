import type { NixCall } from './nix.ts';
import { ProcessError } from './process-error.ts';

/** What a process that was started before its call is to be ended by. */
export interface LaterCall {
  /** Given to the process when it is started. */
  readonly signal: AbortSignal;
  end(): void;
  /**
   * Does what the call wants of the process, which is ended when the call is aborted or has taken too long.
   * `stop` is aborted then.
   *
   * @throws what `work` throws; ProcessError of the kind that the call's own process would have failed with
   */
  during<T>(call: Pick<NixCall, 'signal' | 'timeoutMs'>, work: (stop: AbortSignal) => Promise<T>): Promise<T>;
}

export function laterCall(): LaterCall {
  const ending = new AbortController();
  const end = (): void => {
    ending.abort();
  };
  return {
    signal: ending.signal,
    end,
    async during({ signal, timeoutMs }, work) {
      const deadline = timeoutMs === undefined ? undefined : AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
      const stop = AbortSignal.any([signal, deadline].filter((one) => one !== undefined));
      stop.addEventListener('abort', end);
      if (stop.aborted) end();
      try {
        return await work(stop);
      } catch (error) {
        const isLate = deadline?.aborted === true && signal?.aborted !== true;
        if (!isLate || !(error instanceof ProcessError) || error.failure !== 'aborted') throw error;
        throw new ProcessError('timeout', error.command, error.logTail);
      } finally {
        stop.removeEventListener('abort', end);
      }
    },
  };
}
