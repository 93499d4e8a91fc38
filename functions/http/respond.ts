import type { Invalid, BlobOutcome, ManifestOutcome, ReferrersOutcome, TagsOutcome } from '../registry/outcome.ts';
import { MediaType } from '../oci/descriptor.ts';
import type { ErrorCode } from '../oci/error-code.ts';
import type { Answer } from './answer.ts';
import { readRange } from './range.ts';

/** On every answer below `/v2/`: how docker knows a registry. */
const VERSION_HEADER = { 'Docker-Distribution-Api-Version': 'registry/2.0' };

/** The status of each code (PROTOCOL: failures of the image are 4xx, since clients hide the text of a 5xx). */
const STATUS: Record<ErrorCode, number> = {
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  MANIFEST_UNKNOWN: 404,
  MANIFEST_INVALID: 422,
  BLOB_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNKNOWN: 500,
  UNAVAILABLE: 503,
};

/** Lines of a build's log in an error: what fits on a terminal, and clients print it in one line. */
const MAX_LOG_LINES = 20;

/** An error as distribution-spec 1.1, "Error Codes", has it. */
export function errorAnswer(
  code: ErrorCode,
  message: string,
  detail?: unknown,
  headers: Record<string, string> = {},
): Answer {
  const error = { code, message, ...(detail !== undefined && { detail }) };
  return { ...json(STATUS[code], { errors: [error] }, headers), reason: headerText(message) };
}

function json(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { ...VERSION_HEADER, 'Content-Type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

export function baseAnswer(): Answer {
  return json(200, {});
}

export function unsupportedAnswer(): Answer {
  return errorAnswer('UNSUPPORTED', 'this registry is for pulling: it answers GET and HEAD', undefined, {
    Allow: 'GET, HEAD',
  });
}

export function noEndpointAnswer(): Answer {
  const answer = errorAnswer('UNSUPPORTED', 'there is no such endpoint in the distribution specification');
  return { ...answer, status: 404 };
}

/** For a fault of ours: what happened is in the log, not here. */
export function faultAnswer(code: 'UNKNOWN' | 'UNAVAILABLE', message: string): Answer {
  return errorAnswer(code, message);
}

/** @param ifNoneMatch the request's If-None-Match */
export function manifestAnswer(outcome: ManifestOutcome, ifNoneMatch: string | undefined): Answer {
  switch (outcome.kind) {
    case 'manifest': {
      const { mediaType, digest, bytes } = outcome.image;
      // RFC 9111 made the header obsolete and gave nothing else for it; clients print or ignore it.
      const warning = outcome.stale && { Warning: `299 - "${headerText(outcome.stale)}"` };
      const etag = `"${digest}"`;
      const headers = { ...VERSION_HEADER, 'Docker-Content-Digest': digest, ETag: etag, ...warning };
      if (matches(ifNoneMatch, etag)) return { status: 304, headers, body: Buffer.alloc(0) };
      return { status: 200, headers: { ...headers, 'Content-Type': mediaType }, body: bytes };
    }
    case 'manifest-unknown':
    case 'reference-unknown':
      return errorAnswer('MANIFEST_UNKNOWN', outcome.message);
    case 'packages-unavailable': {
      const { unknown, refused } = outcome;
      const sentences = [
        ...unknown.map(({ attribute, nearMatches }) => `there is no package ${attribute}${didYouMean(nearMatches)}`),
        ...refused.map(({ message }) => message),
      ];
      const code = unknown.length > 0 ? 'MANIFEST_UNKNOWN' : 'MANIFEST_INVALID';
      return errorAnswer(code, sentences.join('; '), { unknown, refused });
    }
    case 'build-failed': {
      const log = outcome.logTail.slice(-MAX_LOG_LINES);
      return errorAnswer('MANIFEST_INVALID', `the build failed: ${[outcome.message, ...log].join('\n')}`, { log });
    }
    case 'out-of-time':
      return errorAnswer('MANIFEST_INVALID', outcome.message);
    case 'busy':
      return errorAnswer('TOOMANYREQUESTS', outcome.message, undefined, {
        'Retry-After': String(outcome.retryAfterSeconds),
      });
    case 'in-progress':
      // After the last hop nobody is sent on: this instance was told to stop.
      return errorAnswer('UNAVAILABLE', 'the image is still being made: pull again', undefined, { 'Retry-After': '1' });
    default:
      return invalidAnswer(outcome);
  }
}

/** An outcome whose text a client that asks with HEAD would not show. */
type BuildFailure = Extract<ManifestOutcome, { kind: 'build-failed' | 'out-of-time' | 'packages-unavailable' }>;

export function isBuildFailure(outcome: ManifestOutcome): outcome is BuildFailure {
  if (outcome.kind === 'packages-unavailable') return outcome.unknown.length === 0;
  return outcome.kind === 'build-failed' || outcome.kind === 'out-of-time';
}

/** Sends a pull on to ask again. */
export function hopAnswer(repository: string, reference: string, hop: number): Answer {
  return sentOn(`/v2/${repository}/manifests/${reference}?hop=${hop}`);
}

/** Sends a pull on to an address that says what is wrong: containerd shows the last address of a HEAD, not its body. */
export function buildFailedHopAnswer(repository: string, reference: string, failure: BuildFailure): Answer {
  const reason =
    failure.kind === 'packages-unavailable'
      ? failure.refused.map(({ message }) => message).join('; ')
      : failure.message;
  return sentOn(`/v2/${repository}/manifests/${reference}?build-failed=${slug(reason)}`);
}

function sentOn(location: string): Answer {
  return {
    status: 307,
    headers: { ...VERSION_HEADER, Location: location, 'Cache-Control': 'no-store' },
    body: Buffer.alloc(0),
  };
}

const MAX_SLUG_CHARACTERS = 200;

function slug(text: string): string {
  // Of a store path, the name says something to a person.
  const readable = text.replace(/\/nix\/store\/[0-9a-z]{32}-/g, '');
  const safe = readable.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^-+|-+$/g, '');
  return safe === '' ? 'see-the-log' : safe.slice(0, MAX_SLUG_CHARACTERS);
}

const MAX_HEADER_CHARACTERS = 500;

/** A text as it may stand in a quoted string of a header (RFC 9110, section 5.6.4), on one line. */
function headerText(text: string): string {
  return text.replace(/[^ !#-[\]-~]+/g, ' ').slice(0, MAX_HEADER_CHARACTERS);
}

function didYouMean(names: readonly string[]): string {
  return names.length === 0 ? '' : ` (did you mean ${names.join(', ')}?)`;
}

/** @param range the request's Range */
export function blobAnswer(outcome: BlobOutcome, range: string | undefined, ifNoneMatch: string | undefined): Answer {
  switch (outcome.kind) {
    case 'blob': {
      const { digest, sizeBytes, open } = outcome;
      const etag = `"${digest}"`;
      const headers = { ...blobHeaders(digest), ETag: etag };
      if (matches(ifNoneMatch, etag)) return { status: 304, headers, body: Buffer.alloc(0) };
      const wanted = readRange(range, sizeBytes);
      switch (wanted.kind) {
        case 'whole':
          return { status: 200, headers, body: { sizeBytes, open } };
        case 'part': {
          const { start, end } = wanted;
          return {
            status: 206,
            headers: { ...headers, 'Content-Range': `bytes ${start}-${end}/${sizeBytes}` },
            body: { sizeBytes: end - start + 1, open: () => open({ start, end }) },
          };
        }
        case 'unsatisfiable':
          return {
            ...errorAnswer('UNKNOWN', `the range is outside of the blob's ${sizeBytes} bytes`, undefined, {
              'Content-Range': `bytes */${sizeBytes}`,
            }),
            status: 416,
          };
        default:
          throw new RangeError(`no such range: ${String(wanted satisfies never)}`);
      }
    }
    case 'redirect': {
      // To HEAD alone: its body is not opened.
      const { digest, sizeBytes } = outcome;
      const headers = { ...blobHeaders(digest), ETag: `"${digest}"` };
      return { status: 200, headers, body: { sizeBytes, open: () => Promise.resolve(undefined) } };
    }
    case 'blob-unknown':
      return errorAnswer('BLOB_UNKNOWN', outcome.message);
    default:
      return invalidAnswer(outcome);
  }
}

function blobHeaders(digest: string) {
  return {
    ...VERSION_HEADER,
    'Content-Type': 'application/octet-stream',
    'Docker-Content-Digest': digest,
    'Accept-Ranges': 'bytes',
  };
}

/** Sends a client to where the blob is. The address is for this request: it must not be kept by anything on the way. */
export function redirectAnswer(digest: string, location: string): Answer {
  return {
    status: 303,
    headers: {
      ...VERSION_HEADER,
      Location: location,
      'Cache-Control': 'no-store',
      'Docker-Content-Digest': digest,
    },
    body: Buffer.alloc(0),
  };
}

export function tagsAnswer(outcome: TagsOutcome): Answer {
  switch (outcome.kind) {
    case 'tags': {
      const { repository, tags, next } = outcome;
      // Of what a tag may hold, nothing needs an escape in a URL.
      const link = next && `</v2/${repository}/tags/list?n=${next.n}&last=${next.last}>; rel="next"`;
      return json(200, { name: repository, tags }, link === undefined ? {} : { Link: link });
    }
    case 'repository-unknown':
      return errorAnswer('NAME_UNKNOWN', outcome.message);
    default:
      return invalidAnswer(outcome);
  }
}

/** For a query of `tags/list` that is none. */
export function badPageAnswer(): Answer {
  return { ...errorAnswer('UNSUPPORTED', 'n is a whole number, the most tags that are wanted'), status: 400 };
}

/** @param filtered whether the client asked for one artifact type */
export function referrersAnswer(outcome: ReferrersOutcome, filtered: boolean): Answer {
  if (outcome.kind !== 'referrers') return invalidAnswer(outcome);
  return {
    status: 200,
    headers: {
      ...VERSION_HEADER,
      'Content-Type': MediaType.index,
      ...(filtered && { 'OCI-Filters-Applied': 'artifactType' }),
    },
    body: outcome.index,
  };
}

function invalidAnswer(outcome: Invalid): Answer {
  switch (outcome.kind) {
    case 'name-invalid':
      return errorAnswer('NAME_INVALID', outcome.message);
    case 'reference-invalid':
      // The specification has no code for a malformed tag; the name as a whole is what is wrong.
      return errorAnswer('NAME_INVALID', outcome.message);
    case 'digest-invalid':
      return errorAnswer('DIGEST_INVALID', outcome.message);
    default:
      throw new RangeError(`no such outcome: ${String(outcome.kind satisfies never)}`);
  }
}

/** RFC 9110, section 13.1.2: a list of entity tags, compared weakly, or `*`. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((one) => ['*', etag].includes(one.trim().replace(/^W\//, '')));
}

/** For a path with escapes that are none. Names need no escapes, so whatever was asked for, its name is wrong. */
export function malformedTargetAnswer(): Answer {
  return errorAnswer('NAME_INVALID', 'the path has a malformed escape (%)');
}
