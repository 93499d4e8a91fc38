import type { Invalid } from '../registry/outcome.ts';
import type { ErrorCode } from '../oci/error-code.ts';
import { SourceError } from '../nix/source.ts';
import { StorageError, type StorageTrouble } from '../storage/blob-store.ts';
import { SigningError } from '../storage/url-signer.ts';
import { type Answer, BodyGoneError } from './answer.ts';
import { printable } from '../printable.ts';
import { headerText } from './header-text.ts';
import { json } from './json.ts';

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

/** An error as distribution-spec 1.1, "Error Codes", has it. */
export function errorAnswer(
  code: ErrorCode,
  message: string,
  detail?: unknown,
  headers: Record<string, string> = {},
): Answer {
  // Clients print it as it is.
  const told = printable(message);
  const error = { code, message: told, ...(detail !== undefined && { detail: printableAll(detail) }) };
  return { ...json(STATUS[code], { errors: [error] }, headers), reason: headerText(told) };
}

/** Every text in what becomes JSON. */
function printableAll(detail: unknown): unknown {
  const json = JSON.stringify(detail, (_name, value: unknown) =>
    typeof value === 'string' ? printable(value) : value,
  );
  return JSON.parse(json) as unknown;
}

export function unsupportedAnswer(): Answer {
  return errorAnswer('UNSUPPORTED', 'this registry is for pulling: it answers GET and HEAD', undefined, {
    Allow: 'GET, HEAD',
  });
}

/** For a GET or HEAD that brings a body. */
export function bodyAnswer(): Answer {
  return { ...errorAnswer('UNSUPPORTED', 'a pull brings no body'), status: 413 };
}

export function noEndpointAnswer(): Answer {
  const answer = errorAnswer('UNSUPPORTED', 'there is no such endpoint in the distribution specification');
  return { ...answer, status: 404 };
}

/** What a client is told to wait for what is not to be had now, in seconds. */
const RETRY_AFTER_SECONDS = 10;

/** For a fault of ours: what happened is in the log, not here. */
function faultAnswer(code: 'UNKNOWN' | 'UNAVAILABLE', message: string): Answer {
  const later = code === 'UNAVAILABLE' ? { 'Retry-After': String(RETRY_AFTER_SECONDS) } : {};
  return errorAnswer(code, message, undefined, later);
}

/** For a name, tag or digest that is none. */
export function invalidAnswer(outcome: Invalid): Answer {
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

/** For a path with escapes that are none. Names need no escapes, so whatever was asked for, its name is wrong. */
export function malformedTargetAnswer(): Answer {
  return errorAnswer('NAME_INVALID', 'the path has a malformed escape (%)');
}

/** For an error that ended a request: what may be over in a while is 503, and what exactly is in the log. */
export function failureAnswer(error: unknown): Answer {
  if (error instanceof SourceError) return faultAnswer('UNAVAILABLE', error.message);
  if (error instanceof BodyGoneError) return errorAnswer('BLOB_UNKNOWN', 'the blob is gone; pull the tag again');
  if (error instanceof StorageError) return storeAnswer(error.trouble);
  if (error instanceof SigningError && error.isUnreachable) {
    return faultAnswer('UNAVAILABLE', 'what signs addresses of blobs does not answer this registry: try again later');
  }
  return storeAnswer('fault');
}

function storeAnswer(trouble: StorageTrouble): Answer {
  switch (trouble) {
    case 'unreachable':
      return faultAnswer('UNAVAILABLE', 'the store of this registry does not answer: try again later');
    case 'full':
      return faultAnswer('UNAVAILABLE', `the store of this registry is full: ${ONLY_KNOWN}`);
    case 'read-only':
      return faultAnswer('UNAVAILABLE', `the store of this registry cannot be written to: ${ONLY_KNOWN}`);
    case 'fault':
      return faultAnswer('UNKNOWN', 'the registry failed; its log says why');
    default:
      throw new RangeError(`no such trouble: ${String(trouble satisfies never)}`);
  }
}

const ONLY_KNOWN = 'images that it has can be pulled, new ones when its operator has mended that';
