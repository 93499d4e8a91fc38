import { createHash, createPublicKey, verify } from 'node:crypto';
import { ApiFailure } from './objects.ts';

/** A refusal in the XML API's form. */
export class XmlFailure extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const SEVEN_DAYS_S = 604_800;
/** A signature may be from a clock that is ahead. */
const MAX_SKEW_MS = 15 * 60 * 1000;

const QUERY = [
  ...['X-Goog-Algorithm', 'X-Goog-Credential', 'X-Goog-Date', 'X-Goog-Expires', 'X-Goog-SignedHeaders'],
  'X-Goog-Signature',
] as const;

/** Whether a request has anything of a V4 signature. */
export function isSigned(query: URLSearchParams): boolean {
  return [...query.keys()].some((name) => name.toLowerCase().startsWith('x-goog-'));
}

/**
 * Verifies a V4 signature as Cloud Storage does: the canonical request is built from the request as it came, so that
 * nothing of it can be changed.
 *
 * @param target path and query, as in the request line
 * @param host the Host header, without the port: that is what clients of the API's library sign
 * @param publicKeys PEM, by account
 * @returns the account that signed
 * @throws XmlFailure 400 or 403 in all other cases
 */
export function verifySignedUrl(
  method: string,
  target: string,
  host: string,
  publicKeys: ReadonlyMap<string, string>,
  nowMs: number,
): string {
  const [path, rawQuery = ''] = splitOnce(target, '?');
  const pairs = rawQuery.split('&').map((pair) => splitOnce(pair, '='));
  const parameters = new Map(pairs.map(([name, value]) => [canonical(name), canonical(value ?? '')]));
  if (parameters.size !== pairs.length) throw invalid('a parameter occurs twice');
  const [algorithm, credential, date, expires, signedHeaders, signature] = QUERY.map((name) => {
    const value = parameters.get(name);
    if (value === undefined) throw invalid(`${name} is missing`);
    return value;
  }) as [string, string, string, string, string, string];

  if (algorithm !== 'GOOG4-RSA-SHA256') throw invalid('the algorithm is not known');
  const [, account = '', day, scope] = /^(.+)\/(\d{8})\/([^/]+\/storage\/goog4_request)$/.exec(credential) ?? [];
  if (scope !== 'auto/storage/goog4_request') throw invalid('the credential scope is not known');
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const signedMs = Date.UTC(...(parts.map((part, index) => Number(part) - (index === 1 ? 1 : 0)) as [number, number]));
  if (Number.isNaN(signedMs) || !date.startsWith(day ?? 'none')) throw invalid('the date is not that of the scope');
  if (!/^[1-9]\d{0,5}$/.test(expires) || Number(expires) > SEVEN_DAYS_S) throw invalid('the expiry is out of range');
  if (signedHeaders !== 'host') throw invalid('the host is not signed, or more is');

  const canonicalQuery = pairs
    .filter(([name]) => name !== 'X-Goog-Signature')
    .map(([name, value]) => `${name}=${value ?? ''}`)
    .sort()
    .join('&');
  for (const segment of path.split('/')) canonical(segment);
  const headers = `host:${host.toLowerCase()}\n`;
  const canonicalRequest = [method, path, canonicalQuery, headers, signedHeaders, 'UNSIGNED-PAYLOAD'].join('\n');
  const digest = createHash('sha256').update(canonicalRequest).digest('hex');
  const toSign = [algorithm, date, `${day ?? ''}/${scope}`, digest].join('\n');

  const pem = publicKeys.get(account);
  const isGenuine =
    pem !== undefined &&
    /^([0-9a-f]{2})+$/.test(signature) &&
    verify('RSA-SHA256', Buffer.from(toSign), createPublicKey(pem), Buffer.from(signature, 'hex'));
  if (!isGenuine) {
    const message = 'Access denied. The request signature we calculated does not match the signature you provided.';
    throw new XmlFailure(403, 'SignatureDoesNotMatch', message);
  }
  if (signedMs > nowMs + MAX_SKEW_MS) throw new XmlFailure(403, 'AccessDenied', 'The signature is from the future.');
  if (nowMs >= signedMs + Number(expires) * 1000) {
    throw new XmlFailure(400, 'ExpiredToken', 'The provided token has expired. Request signature expired.');
  }
  return account;
}

function invalid(details: string): XmlFailure {
  return new XmlFailure(400, 'AuthenticationRequired', `The signature is malformed: ${details}.`);
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/**
 * What an escaped text means. Cloud Storage takes other ways to escape the same text, too; here only the canonical one
 * is taken, so that every changed character counts.
 */
function canonical(text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch (error) {
    throw new XmlFailure(400, 'InvalidURI', (error as Error).message);
  }
  if (encode(decoded) !== text) throw new XmlFailure(400, 'InvalidURI', 'The URI is not escaped canonically.');
  return decoded;
}

/** RFC 3986's unreserved characters stay. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** What an object's bucket says of a request that nobody signed. */
export function anonymousFailure(bucket: string, name: string): XmlFailure {
  const message = `Anonymous caller does not have storage.objects.get access to ${bucket}/${name}.`;
  return new XmlFailure(403, 'AccessDenied', message);
}

/** The same refusal in XML. */
export function xmlOf(failure: XmlFailure | ApiFailure): string {
  const code = failure instanceof ApiFailure ? failure.reason : failure.code;
  const text = (value: string) => value.replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);
  return `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${text(code)}</Code><Message>${text(failure.message)}</Message></Error>`;
}
