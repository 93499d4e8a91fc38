import { MediaType } from '../oci/media-type.ts';
import type { ReferrersOutcome, TagsOutcome } from '../registry/outcome.ts';
import type { Answer } from './answer.ts';
import { errorAnswer, invalidAnswer } from './error.ts';
import { json, VERSION_HEADER } from './json.ts';

export function tagsAnswer(outcome: TagsOutcome): Answer {
  switch (outcome.kind) {
    case 'tags': {
      const { repository, tags, next } = outcome;
      // Of what a tag may hold, nothing needs an escape in a URL.
      const link = next && `</v2/${repository}/tags/list?n=${next.n}&last=${next.last}>; rel="next"`;
      return json(200, { name: repository, tags }, link === undefined ? {} : { Link: link });
    }
    case 'repository-unknown':
    case 'reference-unknown':
      return errorAnswer('NAME_UNKNOWN', outcome.message);
    case 'denied':
      return errorAnswer('DENIED', outcome.message);
    case 'busy':
      return errorAnswer('TOOMANYREQUESTS', outcome.message, undefined, {
        'Retry-After': String(outcome.retryAfterSeconds),
      });
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
