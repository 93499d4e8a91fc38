import { Secret } from './secret.ts';

/** Who a request says it is. */
export interface Login {
  readonly user: string;
  readonly password: Secret;
}

/** Google's access tokens have up to 2,048 bytes; nothing else is as long. */
const MAX_ENCODED_CHARACTERS = 4096;
const BASIC = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i;

/**
 * Reads an Authorization header (RFC 7617).
 *
 * @returns undefined for one that is absent, of another scheme or malformed, and for an empty user or password: skopeo
 *   without credentials sends two empty ones
 */
export function readBasic(authorization: string | undefined): Login | undefined {
  if (authorization === undefined || authorization.length > MAX_ENCODED_CHARACTERS) return undefined;
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString();
  const colon = decoded.indexOf(':');
  if (colon < 1 || colon === decoded.length - 1) return undefined;
  return { user: decoded.slice(0, colon), password: new Secret(decoded.slice(colon + 1)) };
}
