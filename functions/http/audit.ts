import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { MediaType } from '../oci/media-type.ts';
import type { ManifestOutcome } from '../registry/outcome.ts';
import { type TraceContext, traceContextOf } from './trace-context.ts';

/** Who asked for a manifest, for what and when. */
export interface PullRequest {
  readonly user: string | undefined;
  readonly address: string;
  readonly repository: string;
  readonly reference: string;
  readonly startedMs: number;
}

/** Logs one line for each pull, whatever came of it. */
export type Audit = (request: IncomingMessage, pull: PullRequest, outcome: ManifestOutcome) => void;

/** @param project the Google Cloud project that traces are in; a trace is named without it when undefined */
export function audit(log: Pick<Logger, 'info'>, project?: string): Audit {
  return (request, { user, address, repository, reference, startedMs }, outcome) => {
    const context = traceContextOf(request.headers);
    const isImage = outcome.kind === 'manifest';
    log.info(
      {
        user,
        address,
        method: request.method,
        image: repository,
        reference,
        outcome: outcome.kind,
        ...(isImage && {
          revision: outcome.image.revision,
          digest: outcome.image.digest,
          bytes: outcome.image.sizeBytes,
          cache: outcome.from,
          ...(outcome.image.mediaType === MediaType.index && { index: true }),
          ...(outcome.without !== undefined && { without: outcome.without }),
        }),
        durationMs: Math.round((performance.now() - startedMs) * 100) / 100,
        ...(context && traceFields(context, project)),
      },
      'pull',
    );
  };
}

/** Cloud Logging's names (LogEntry, "Structured logging: special fields"). */
function traceFields({ traceId, spanId, isSampled }: TraceContext, project: string | undefined) {
  return {
    'logging.googleapis.com/trace': project === undefined ? traceId : `projects/${project}/traces/${traceId}`,
    ...(spanId !== undefined && { 'logging.googleapis.com/spanId': spanId }),
    'logging.googleapis.com/trace_sampled': isSampled,
  };
}
