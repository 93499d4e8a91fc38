import type { BlobOutcome } from '../registry/outcome.ts';
import type { Answer } from './answer.ts';
import { errorAnswer, invalidAnswer } from './error.ts';
import { matches } from './if-none-match.ts';
import { VERSION_HEADER } from './json.ts';
import { readRange } from './range.ts';

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
          return { status: 200, headers, body: { sizeBytes, open: (pieces) => open({ pieces }) } };
        case 'part': {
          const { start, end } = wanted;
          return {
            status: 206,
            headers: { ...headers, 'Content-Range': `bytes ${start}-${end}/${sizeBytes}` },
            body: { sizeBytes: end - start + 1, open: (pieces) => open({ range: { start, end }, pieces }) },
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
