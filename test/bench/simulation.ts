import TinyQueue from 'tinyqueue';
import { fifo } from './fifo.ts';
import { type Instance, instance, type InstanceSize, type Pull } from './instance.ts';
import { seededRandom } from './random.ts';

/** A team's service and who pulls from it. All times are in seconds. */
export interface Setting extends InstanceSize {
  readonly seed: number;
  /** How long pulls arrive. */
  readonly seconds: number;
  /** Pulls a minute, at times that do not know of each other. */
  readonly pullsPerMinute: number;
  /** Of all pulls, those whose image is composed of known packages, and the mean time of that. */
  readonly composed: { readonly share: number; readonly seconds: number };
  /** Those with a package that nobody asked for yet, and the mean time until it is fetched or built. */
  readonly built: { readonly share: number; readonly seconds: number };
  /** From the decision to start an instance to its first request. */
  readonly startSeconds: number;
  readonly concurrency: number;
  readonly minInstances: number;
  readonly maxInstances: number;
}

export interface Result {
  /** What each pull waited while nothing was done for it, sorted. */
  readonly waits: Float64Array;
  /** Of those whose image was made. */
  readonly waitsOfMade: Float64Array;
  /** Pulls that were told to come again. */
  readonly refused: number;
  readonly mostInstances: number;
  /** Over the time. */
  readonly meanInstances: number;
}

/** What Cloud Run aims at: https://cloud.google.com/run/docs/about-instance-autoscaling */
const TARGET_UTILISATION = 0.6;
/** Over so long it looks at utilisation. */
const WINDOW_SECONDS = 60;
/** After so long without a request an instance ends. */
const IDLE_SECONDS = 900;
const TICK_SECONDS = 1;

/** Plays the pulls of some time. The same setting gives the same result. */
export function simulate(setting: Setting): Result {
  const random = seededRandom(setting.seed);
  const events = new TinyQueue<{ readonly at: number; readonly order: number; readonly what: () => void }>(
    [],
    (a, b) => a.at - b.at || a.order - b.order,
  );
  let [now, order] = [0, 0];
  const after = (seconds: number, what: () => void) => {
    events.push({ at: now + seconds, order: order++, what });
  };

  const running = new Set<Instance>();
  const queue = fifo<Pull>();
  const [waits, waitsOfMade]: [number[], number[]] = [[], []];
  let [refused, starting, mostInstances, instanceSeconds, inFlight, busy] = [0, 0, 0, 0, 0, 0];

  const told = {
    waited(seconds: number, pull: Pull) {
      waits.push(seconds);
      if (pull.makeSeconds !== undefined) waitsOfMade.push(seconds);
    },
    refused() {
      refused++;
    },
    ended: handOut,
  };

  function start(): void {
    if (running.size + starting >= setting.maxInstances) return;
    starting++;
    mostInstances = Math.max(mostInstances, running.size + starting);
    after(setting.startSeconds, () => {
      starting--;
      running.add(instance(setting, { now: () => now, after }, told));
      handOut();
    });
  }

  /** Gives waiting pulls to the instances that hold least. */
  function handOut(): void {
    while (queue.length > 0) {
      let least: Instance | undefined;
      for (const one of running) if (least === undefined || one.inFlight < least.inFlight) least = one;
      if (least === undefined || least.inFlight >= setting.concurrency) return;
      const pull = queue.shift();
      if (pull !== undefined) least.take(pull);
    }
  }

  function arrive(): void {
    if (now > setting.seconds) return;
    queue.push({ arrivedAt: now, makeSeconds: makeSeconds() });
    handOut();
    // No place is free: what is on its way must hold what waits.
    if (queue.length > starting * setting.concurrency) start();
    after(random.exponential(60 / setting.pullsPerMinute), arrive);
  }

  function makeSeconds(): number | undefined {
    const { composed, built } = setting;
    const kind = random.uniform();
    if (kind < built.share) return random.exponential(built.seconds);
    return kind < built.share + composed.share ? random.exponential(composed.seconds) : undefined;
  }

  /** Once a second: starts what the utilisation asks for, ends what has been idle. */
  function scale(): void {
    const held = [...running].reduce((sum, one) => sum + one.inFlight, queue.length);
    const busyNow = [...running].reduce((sum, one) => sum + one.busyProcessors, 0);
    inFlight += ((held - inFlight) * TICK_SECONDS) / WINDOW_SECONDS;
    busy += ((busyNow - busy) * TICK_SECONDS) / WINDOW_SECONDS;
    const wanted = Math.max(
      setting.minInstances,
      Math.ceil(inFlight / setting.concurrency / TARGET_UTILISATION - 0.001),
      Math.ceil(busy / setting.processors / TARGET_UTILISATION - 0.001),
    );
    const missing = wanted - running.size - starting;
    for (let i = 0; i < missing && running.size > 0; i++) start();
    for (const one of running) {
      const isIdle = one.idleSince !== undefined && now - one.idleSince >= IDLE_SECONDS;
      if (isIdle && running.size > Math.max(wanted, setting.minInstances)) running.delete(one);
    }
    instanceSeconds += (running.size + starting) * TICK_SECONDS;
    if (now < setting.seconds) after(TICK_SECONDS, scale);
  }

  for (let i = 0; i < setting.minInstances; i++) running.add(instance(setting, { now: () => now, after }, told));
  mostInstances = running.size;
  after(random.exponential(60 / setting.pullsPerMinute), arrive);
  after(TICK_SECONDS, scale);
  for (let event = events.pop(); event !== undefined; event = events.pop()) {
    now = event.at;
    event.what();
  }
  return {
    waits: Float64Array.from(waits).sort(),
    waitsOfMade: Float64Array.from(waitsOfMade).sort(),
    refused,
    mostInstances,
    meanInstances: instanceSeconds / setting.seconds,
  };
}

/** The value that so large a share of sorted values does not exceed; 0 when there are none. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
