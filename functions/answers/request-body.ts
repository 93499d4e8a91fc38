import type { IncomingMessage } from 'node:http';

/** Whether a request brings a body (RFC 9112, section 6.3). No request to a registry for pulling needs one. */
export function bringsBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers['transfer-encoding'] !== undefined || !/^0*$/.test(headers['content-length'] ?? '');
}
