import type { IncomingHttpHeaders } from 'node:http';

/** The trace and the span in it that a request belongs to, in hexadecimal. */
export interface TraceContext {
  readonly traceId: string;
  /** Absent where only the trace is known. */
  readonly spanId?: string;
  readonly isSampled: boolean;
}

/** W3C Trace Context, section 3.2. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;
/** Cloud Trace: `TRACE_ID/SPAN_ID;o=OPTIONS`, with the span in decimal. */
const GOOGLE = /^([0-9a-f]{32})(?:\/(\d{1,20}))?(?:;o=(\d))?/i;
const NOTHING = /^0+$/;

/** What Google's front end (X-Cloud-Trace-Context) or a client (traceparent) said; undefined when neither did. */
export function traceContextOf(headers: IncomingHttpHeaders): TraceContext | undefined {
  const { 'x-cloud-trace-context': google, traceparent } = headers;
  return (typeof google === 'string' ? readGoogle(google) : undefined) ?? readW3c(traceparent);
}

function readGoogle(header: string): TraceContext | undefined {
  const [, traceId, span, options] = GOOGLE.exec(header) ?? [];
  if (traceId === undefined || NOTHING.test(traceId)) return undefined;
  const spanId = span === undefined ? undefined : BigInt(span).toString(16).padStart(16, '0');
  const isSpan = spanId?.length === 16 && !NOTHING.test(spanId);
  return { traceId: traceId.toLowerCase(), ...(isSpan && { spanId }), isSampled: options === '1' };
}

function readW3c(header: string | string[] | undefined): TraceContext | undefined {
  const [, traceId, spanId, flags] = (typeof header === 'string' && TRACEPARENT.exec(header)) || [];
  if (traceId === undefined || spanId === undefined || NOTHING.test(traceId) || NOTHING.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags ?? '0', 16) & 1) === 1 };
}
