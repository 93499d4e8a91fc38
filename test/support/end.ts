import { createContext, runInContext } from 'node:vm';

/** What takes steps in proportion to its input is over long before, on any machine; what does not is not over then. */
const MINUTE_MS = 60_000;

/**
 * Runs synchronous work that has to come to an end, whatever it is given.
 *
 * @throws Error when it has not within a minute
 */
export function comesToAnEnd<T>(work: () => T): T {
  return runInContext('work()', createContext({ work }), { timeout: MINUTE_MS }) as T;
}
