import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Answer } from '../answers/answer.ts';

/** What happened, to be counted. */
export interface Measures {
  /** @param cache where its image came from; undefined when there is none. @param sentBytes of the image's blobs */
  pull(outcome: string, cache: string | undefined, seconds: number, imageBytes: number): void;
  request(route: string, status: number): void;
  build(state: string, seconds: number): void;
}

/** What is looked at when somebody asks. */
export interface MeasuredSources {
  readonly builds: () => { readonly waiting: number; readonly running: number };
  /** Blobs in the store; undefined until they have been counted. */
  readonly store: () => { readonly blobs: number; readonly bytes: number } | undefined;
}

export interface Metrics extends Measures {
  /** All of it, in Prometheus' text format. */
  answer(): Promise<Answer>;
}

/** From a manifest in memory to a build of ten minutes, in seconds. */
const PULL_SECONDS = [0.001, 0.01, 0.1, 0.5, 1, 5, 20, 60, 180, 600];
const BUILD_SECONDS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 180, 600];

/** Counters of this process; each instance has its own. */
export function metrics(sources: MeasuredSources): Metrics {
  const registers = [new Registry()];
  const named = (name: string, help: string) => ({ name: `nixery_${name}`, help, registers });

  const pulls = new Counter({
    ...named('pulls_total', 'Manifests that were asked for, by what came of it and where the image came from'),
    labelNames: ['outcome', 'cache'],
  });
  const pullSeconds = new Histogram({
    ...named('pull_seconds', 'Time of a manifest, the wait for its build included'),
    labelNames: ['cache'],
    buckets: PULL_SECONDS,
  });
  const imageBytes = new Counter(named('image_bytes_total', 'Lengths of the images whose manifests were given'));
  const requests = new Counter({
    ...named('requests_total', 'Answers, by what was asked for and their status'),
    labelNames: ['route', 'status'],
  });
  const builds = new Counter({ ...named('builds_total', 'Builds that ended here'), labelNames: ['state'] });
  const buildSeconds = new Histogram({
    ...named('build_seconds', 'Time of a build, its wait included'),
    labelNames: ['state'],
    buckets: BUILD_SECONDS,
  });
  new Gauge({
    ...named('builds_running', 'Builds that go on here'),
    collect() {
      this.set(sources.builds().running);
    },
  });
  new Gauge({
    ...named('builds_waiting', 'Builds that wait for their turn, or for another instance'),
    collect() {
      this.set(sources.builds().waiting);
    },
  });
  new Gauge({
    ...named('memory_bytes', 'Resident memory of the server'),
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  const stored = (name: 'blobs' | 'bytes', help: string) =>
    new Gauge({
      ...named(`store_${name}`, help),
      collect() {
        const counted = sources.store();
        // Nothing is said before it is known: a zero would be wrong.
        if (counted === undefined) this.remove();
        else this.set(counted[name]);
      },
    });
  stored('blobs', 'Blobs in the store, counted once an hour');
  stored('bytes', 'Length of all blobs in the store, counted once an hour');

  return {
    pull(outcome, cache = 'none', seconds, bytes) {
      pulls.inc({ outcome, cache });
      pullSeconds.observe({ cache }, seconds);
      if (bytes > 0) imageBytes.inc(bytes);
    },
    request(route, status) {
      requests.inc({ route, status });
    },
    build(state, seconds) {
      builds.inc({ state });
      buildSeconds.observe({ state }, seconds);
    },
    async answer() {
      const [register] = registers;
      const body = Buffer.from((await register?.metrics()) ?? '');
      const headers = { 'Content-Type': register?.contentType ?? 'text/plain', 'Cache-Control': 'no-store' };
      return { status: 200, headers: { ...headers, 'X-Content-Type-Options': 'nosniff' }, body };
    },
  };
}
