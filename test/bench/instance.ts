import { type Station, station } from './station.ts';

/** How large an instance is. */
export interface InstanceSize {
  readonly processors: number;
  /** What one pull costs the main thread: all of its requests. In seconds. */
  readonly answerSeconds: number;
  /** Images that wait in one instance to be made; more are refused. */
  readonly maxQueue: number;
}

/** A pull from its arrival to its end. */
export interface Pull {
  readonly arrivedAt: number;
  /** Undefined when the image is known. */
  readonly makeSeconds: number | undefined;
}

/** One instance of the service: a main thread, and processors that make images. */
export interface Instance {
  /** Pulls that it holds; Cloud Run gives it no more than the concurrency. */
  readonly inFlight: number;
  /** Processors at work. */
  readonly busyProcessors: number;
  /** Since when it has held none; undefined while it holds one. */
  readonly idleSince: number | undefined;
  take(pull: Pull): void;
}

/**
 * @param told `waited`: a pull had to wait so long, all queues and starts together, while nothing was done for it;
 *   `refused`: too many
 *   wait already; `ended`: a place is free
 */
export function instance(
  { processors, maxQueue, answerSeconds }: InstanceSize,
  clock: { readonly now: () => number; readonly after: (seconds: number, what: () => void) => void },
  told: { waited(seconds: number, pull: Pull): void; refused(): void; ended(pull: Pull): void },
): Instance {
  const mainThread: Station = station({ servers: 1 }, clock.after);
  const makers: Station = station({ servers: processors, maxQueue }, clock.after);
  let inFlight = 0;
  let idleSince: number | undefined = clock.now();

  return {
    get inFlight() {
      return inFlight;
    },
    get busyProcessors() {
      return mainThread.busy + makers.busy;
    },
    get idleSince() {
      return idleSince;
    },
    take(pull) {
      inFlight++;
      idleSince = undefined;
      const end = () => {
        inFlight--;
        if (inFlight === 0) idleSince = clock.now();
        told.ended(pull);
      };
      let waited = 0;
      let enteredAt = pull.arrivedAt;
      const begun = () => {
        waited += clock.now() - enteredAt;
      };
      const answer = () => {
        begun();
        if (pull.makeSeconds === undefined) told.waited(waited, pull);
      };
      const make = (serviceSeconds: number) => {
        enteredAt = clock.now();
        const isTaken = makers.enter({
          serviceSeconds,
          begin() {
            begun();
            told.waited(waited, pull);
          },
          done: end,
        });
        if (isTaken) return;
        told.refused();
        end();
      };
      mainThread.enter({
        serviceSeconds: answerSeconds,
        begin: answer,
        done() {
          if (pull.makeSeconds === undefined) end();
          else make(pull.makeSeconds);
        },
      });
    },
  };
}
