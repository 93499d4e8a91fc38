import type { Admission } from '../access/gate.ts';
import type { Answer } from './answer.ts';
import { errorAnswer } from './error.ts';

/** One challenge (RFC 9110, section 11.6.1): clients of registries do not choose among several. */
const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="nixery-run"' };

/** For who did not pass the gate. */
export function refusedAnswer(refusal: Exclude<Admission, { kind: 'admitted' }>): Answer {
  switch (refusal.kind) {
    case 'refused':
      return errorAnswer('UNAUTHORIZED', refusal.message, undefined, CHALLENGE);
    case 'too-many-failures':
      return errorAnswer('TOOMANYREQUESTS', refusal.message, undefined, {
        'Retry-After': String(refusal.retryAfterSeconds),
      });
    case 'unavailable':
      return errorAnswer('UNAVAILABLE', refusal.message);
    default:
      throw new RangeError(`no such refusal: ${String(refusal satisfies never)}`);
  }
}
