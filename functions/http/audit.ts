import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { ManifestOutcome } from '../registry/outcome.ts';

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
    const trace = traceOf(request);
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
        }),
        durationMs: Math.round((performance.now() - startedMs) * 100) / 100,
        ...(trace !== undefined && {
          'logging.googleapis.com/trace': project === undefined ? trace : `projects/${project}/traces/${trace}`,
        }),
      },
      'pull',
    );
  };
}

/** The trace that Google's front end (X-Cloud-Trace-Context) or a client (W3C Trace Context) put a request in. */
function traceOf({ headers }: IncomingMessage): string | undefined {
  const google = headers['x-cloud-trace-context'];
  const trace = typeof google === 'string' ? /^([0-9a-f]{32})(?:\/|;|$)/i.exec(google)?.[1] : undefined;
  const { traceparent } = headers;
  return trace ?? (typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined);
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
