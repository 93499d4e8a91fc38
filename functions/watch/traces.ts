import { type Attributes, ROOT_CONTEXT, type SpanContext, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

/** Something that took a while and is over. */
export interface Spanned {
  readonly name: string;
  /** In milliseconds since 1970. */
  readonly startedMs: number;
  readonly endedMs: number;
  /** The trace that it belongs to, and the span in that; it begins a trace of its own when undefined. */
  readonly parent: { readonly traceId: string; readonly spanId: string } | undefined;
  readonly attributes: Attributes;
  readonly failed: boolean;
}

/** Tells a collector of what happened, in the background. */
export interface Traces {
  add(span: Spanned): void;
  /** Sends what was not sent yet; a collector that does not answer is waited for at most a few seconds. */
  stop(): Promise<void>;
}

/** For a collector that hangs, in milliseconds. */
const EXPORT_TIMEOUT_MS = 3_000;

/** @param endpoint of the collector, to which OTLP's path is added (OTLP specification, "OTLP/HTTP Request") */
export function traces(endpoint: string): Traces {
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'nixery-run' }),
    spanProcessors: [new BatchSpanProcessor({ exporter, exportTimeoutMillis: EXPORT_TIMEOUT_MS })],
  });
  const tracer = provider.getTracer('nixery-run');

  return {
    add({ name, startedMs, endedMs, parent, attributes, failed }) {
      const remote: SpanContext | undefined = parent && { ...parent, traceFlags: TraceFlags.SAMPLED, isRemote: true };
      const context = remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
      const span = tracer.startSpan(name, { startTime: startedMs, attributes }, context);
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(endedMs);
    },
    async stop() {
      await provider.shutdown();
    },
  };
}
