import type { RecentBuild, TraceParent } from '../builder/build-record.ts';
import type { Builds } from '../builder/builds/builds.ts';
import type { Config } from '../config/config.ts';
import type { Answer } from '../answers/answer.ts';
import { type Audit, audit } from '../http/audit.ts';
import { traceContextOf } from '../http/trace-context.ts';
import type { Log } from '../log.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Metrics } from '../watch/metrics.ts';
import { storeSize } from '../watch/store-size.ts';
import type { Traces } from '../watch/traces.ts';

/** Where it is told what the registry does: the log, counters, and traces where there is a collector. */
export interface ComposedWatch {
  readonly audit: Audit;
  observe(route: string, status: number): void;
  buildEnded(build: RecentBuild, trace: TraceParent | undefined): void;
  /** `/metrics`. */
  metrics(): Promise<Answer>;
  /** Loads what counts; what happened before is counted then. */
  load(): Promise<void>;
  stop(): Promise<void>;
}

/** What happens before the counters are loaded, which is soon after the start. */
const MAX_EARLY = 10_000;

/** @param counts of the builds that go on */
export function composeWatch(
  config: Pick<Config, 'project' | 'collector'>,
  { log, store, counts }: { log: Log; store: BlobStore; counts: Builds['counts'] },
): ComposedWatch {
  let early: ((to: Metrics) => void)[] = [];
  let metrics: Metrics | undefined;
  let traces: Traces | undefined;
  let loading: Promise<Metrics> | undefined;
  const logPull = audit(log, config.project);
  const sizeOfStore = storeSize({ store, log });

  function count(event: (to: Metrics) => void): void {
    if (metrics !== undefined) event(metrics);
    else if (early.length < MAX_EARLY) early.push(event);
  }

  async function load(): Promise<Metrics> {
    const { metrics: make } = await import('../watch/metrics.ts');
    const made = make({ builds: counts, store: sizeOfStore });
    for (const event of early) event(made);
    early = [];
    metrics = made;
    if (config.collector !== undefined) {
      const { traces: send } = await import('../watch/traces.ts');
      traces = send(config.collector);
    }
    return made;
  }

  /** Tried again after a failure. */
  const loaded = (): Promise<Metrics> =>
    (loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    }));

  return {
    audit(request, pull, outcome) {
      logPull(request, pull, outcome);
      const ms = performance.now() - pull.startedMs;
      const isImage = outcome.kind === 'manifest';
      count((to) => {
        to.pull(outcome.kind, isImage ? outcome.from : undefined, ms / 1000, isImage ? outcome.image.sizeBytes : 0);
      });
      if (traces === undefined) return;
      const endedMs = Date.now();
      const { repository: image, reference } = pull;
      traces.add({
        name: 'pull',
        startedMs: endedMs - ms,
        endedMs,
        parent: parentOf(traceContextOf(request.headers)),
        attributes: { image, reference, outcome: outcome.kind, ...(isImage && { cache: outcome.from }) },
        failed: !isImage,
      });
    },
    observe(route, status) {
      count((to) => {
        to.request(route, status);
      });
    },
    buildEnded(build, parent) {
      const { repository: image, reference, revision, state, startedMs, endedMs = startedMs } = build;
      count((to) => {
        to.build(state, (endedMs - startedMs) / 1000);
      });
      const attributes = { image, reference, revision, state };
      traces?.add({ name: 'build', startedMs, endedMs, parent, attributes, failed: state !== 'made' });
    },
    metrics: async () => (await loaded()).answer(),
    async load() {
      await loaded();
    },
    async stop() {
      await traces?.stop();
    },
  };
}

/** A span needs the span that it is in. */
function parentOf(context: ReturnType<typeof traceContextOf>): TraceParent | undefined {
  return context?.spanId === undefined ? undefined : { traceId: context.traceId, spanId: context.spanId };
}
