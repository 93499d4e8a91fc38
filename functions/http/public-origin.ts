import type { IncomingHttpHeaders } from 'node:http';

/** Names and addresses of hosts, with a port: nothing that would be more than that in a URL, a command or a message. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/**
 * The origin by which a client reaches this registry, as it said itself: for addresses in answers to that client. Undefined
 * when it said nothing that can be one.
 *
 * @param trusted whether something in front says how the client came (X-Forwarded-Proto)
 */
export function originOf(headers: IncomingHttpHeaders, trusted: boolean): string | undefined {
  const { host, 'x-forwarded-proto': scheme } = headers;
  if (host === undefined || !HOST.test(host)) return undefined;
  return `${trusted && scheme !== 'http' ? 'https' : 'http'}://${host.toLowerCase()}`;
}
