import { createHash } from 'node:crypto';
import type { UrlSigner } from '../url-signer.ts';

/** Where objects are, and for what time they are signed. */
export interface SigningSettings {
  /** `https://storage.googleapis.com`, or the endpoint of a test. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly nowMs?: (() => number) | undefined;
}

/** Where clients find Cloud Storage. */
export const PUBLIC_ENDPOINT = 'https://storage.googleapis.com';

/** How long a signed URL is good: layers are asked for one by one, so minutes are enough for the slowest to begin. */
export const SIGNED_FOR_S = 300;

const ALGORITHM = 'GOOG4-RSA-SHA256';

/** A URL without its signature, and the text to sign. */
export interface UnsignedUrl {
  readonly url: string;
  readonly toSign: string;
}

/**
 * The V4 signing process of Cloud Storage ("V4 signing process with your own program", "Canonical requests") for GET of
 * one object. As in the client library, the signed host has no port.
 *
 * @param account whose key signs
 */
export function unsignedUrl(
  { endpoint, bucket }: SigningSettings,
  objectName: string,
  account: string,
  nowMs: number,
): UnsignedUrl {
  const date = `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const scope = `${date.slice(0, 8)}/auto/storage/goog4_request`;
  const query = [
    `X-Goog-Algorithm=${ALGORITHM}`,
    `X-Goog-Credential=${escape(`${account}/${scope}`)}`,
    `X-Goog-Date=${date}`,
    `X-Goog-Expires=${SIGNED_FOR_S}`,
    'X-Goog-SignedHeaders=host',
  ].join('&');
  const path = `/${bucket}/${escapePath(objectName)}`;
  const headers = `host:${new URL(endpoint).hostname}\n`;
  const request = ['GET', path, query, headers, 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const digest = createHash('sha256').update(request).digest('hex');
  return { url: `${endpoint}${path}?${query}`, toSign: [ALGORITHM, date, scope, digest].join('\n') };
}

export function signedUrl({ url }: UnsignedUrl, signature: Buffer): string {
  return `${url}&X-Goog-Signature=${signature.toString('hex')}`;
}

/** Without a signature: for a bucket that everybody may read. */
export function publicUrls({ endpoint, bucket }: SigningSettings): UrlSigner {
  return {
    description: 'nobody: objects are public',
    urlOf: (key) => `${endpoint}/${bucket}/${escapePath(key)}`,
  };
}

function escapePath(name: string): string {
  return name.split('/').map(escape).join('/');
}

/** RFC 3986: all but letters, digits and `-._~`. */
function escape(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
