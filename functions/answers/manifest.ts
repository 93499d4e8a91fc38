import type { ManifestOutcome } from '../registry/outcome.ts';
import { missingPackages } from '../builder/outcome.ts';
import type { Answer } from './answer.ts';
import { errorAnswer, invalidAnswer } from './error.ts';
import { headerText } from './header-text.ts';
import { matches } from './if-none-match.ts';
import { VERSION_HEADER } from './json.ts';

/** Lines of a build's log in an error: what fits on a terminal, and clients print it in one line. */
const MAX_LOG_LINES = 20;

/**
 * @param ifNoneMatch the request's If-None-Match
 * @param page where the build is to be seen, when it is
 */
export function manifestAnswer(outcome: ManifestOutcome, ifNoneMatch: string | undefined, page?: string): Answer {
  switch (outcome.kind) {
    case 'manifest': {
      const { mediaType, digest, bytes } = outcome.image;
      // RFC 9111 made the header obsolete and gave nothing else for it; clients print or ignore it.
      const warning = outcome.stale && { Warning: `299 - "${headerText(outcome.stale)}"` };
      const etag = `"${digest}"`;
      const vary = outcome.varies && { Vary: 'Accept' };
      const headers = { ...VERSION_HEADER, 'Docker-Content-Digest': digest, ETag: etag, ...vary, ...warning };
      if (matches(ifNoneMatch, etag)) return { status: 304, headers, body: Buffer.alloc(0) };
      return { status: 200, headers: { ...headers, 'Content-Type': mediaType }, body: bytes };
    }
    case 'manifest-unknown':
    case 'reference-unknown':
      return errorAnswer('MANIFEST_UNKNOWN', outcome.message);
    case 'packages-unavailable': {
      const { unknown, refused } = outcome;
      const code = unknown.length > 0 ? 'MANIFEST_UNKNOWN' : 'MANIFEST_INVALID';
      return errorAnswer(code, missingPackages(outcome), { unknown, refused });
    }
    case 'denied':
      return errorAnswer('DENIED', outcome.message);
    case 'build-failed': {
      const log = outcome.logTail.slice(-MAX_LOG_LINES);
      const message = `the build failed${seeAt(page)}: ${[outcome.message, ...log].join('\n')}`;
      return errorAnswer('MANIFEST_INVALID', message, { log, ...(page !== undefined && { page }) });
    }
    case 'out-of-time':
      return errorAnswer('MANIFEST_INVALID', `${outcome.message}${seeAt(page)}`);
    case 'busy':
      return errorAnswer('TOOMANYREQUESTS', outcome.message, undefined, {
        'Retry-After': String(outcome.retryAfterSeconds),
      });
    case 'in-progress':
      // After the last hop nobody is sent on: this instance was told to stop.
      return errorAnswer('UNAVAILABLE', `the image is still being made${seeAt(page)}: pull again`, undefined, {
        'Retry-After': '1',
      });
    default:
      return invalidAnswer(outcome);
  }
}

/** Where its build is to be seen. */
function seeAt(page: string | undefined): string {
  return page === undefined ? '' : ` (see ${page})`;
}
