import type { IncomingMessage } from 'node:http';

/** A pull may begin a build, and a browser sends credentials with what another site's page asks for (Fetch Metadata). */
export function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site === 'cross-site' || site === 'same-site';
}
