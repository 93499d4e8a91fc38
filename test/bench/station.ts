import { fifo } from './fifo.ts';

/** Servers of one kind with a queue before them, first come, first served. */
export interface Station {
  /** Begins now or when a server is free; false, and it never does, when as many wait as may. */
  enter(job: Job): boolean;
  /** Servers at work. */
  readonly busy: number;
}

export interface Job {
  readonly serviceSeconds: number;
  /** A server has begun. */
  begin?(): void;
  /** It is done. */
  done(): void;
}

/**
 * @param after runs something when so many seconds of the simulation have passed
 */
export function station(
  { servers, maxQueue = Infinity }: { readonly servers: number; readonly maxQueue?: number },
  after: (seconds: number, what: () => void) => void,
): Station {
  const waiting = fifo<Job>();
  let busy = 0;

  function begin(job: Job): void {
    busy++;
    job.begin?.();
    after(job.serviceSeconds, () => {
      busy--;
      const next = waiting.shift();
      if (next !== undefined) begin(next);
      job.done();
    });
  }

  return {
    enter(job) {
      if (busy < servers) begin(job);
      else if (waiting.length < maxQueue) waiting.push(job);
      else return false;
      return true;
    },
    get busy() {
      return busy;
    },
  };
}
