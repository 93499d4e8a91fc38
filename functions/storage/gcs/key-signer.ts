import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import type { ObjectKey } from '../object-key.ts';
import { signedUrl, type SigningSettings, unsignedUrl } from './signed-url.ts';
import type { UrlSigner } from '../url-signer.ts';
import { OperatorError } from '../../operator-error.ts';

/** A signing key cannot be used. The message says why, and nothing of the key. */
export class SigningKeyError extends OperatorError {
  readonly code = 'SIGNING_KEY';
  override readonly name = 'SigningKeyError';

  constructor(path: string, reason: string) {
    super(`GCS_SIGNING_KEY: ${path} ${reason}`);
  }
}

export interface SigningKey {
  readonly key: KeyObject;
  readonly account: string;
}

/**
 * Reads the key that URLs are signed with: PEM, or the JSON of a service account's key, which names the account, too.
 *
 * @param account takes precedence over the one in the JSON
 * @throws SigningKeyError
 */
export async function readSigningKey(path: string, account: string | undefined): Promise<SigningKey> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new SigningKeyError(path, `cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`);
  }
  const { pem, owner } = text.trimStart().startsWith('{') ? fromJson(path, text) : { pem: text, owner: undefined };
  const signer = account ?? owner;
  if (signer === undefined) throw new SigningKeyError(path, 'does not name its account: set GCS_SIGNING_ACCOUNT');
  return { key: parsePem(path, pem), account: signer };
}

function fromJson(path: string, text: string): { pem: string; owner: string | undefined } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // What the parser says quotes the text, which is secret.
    throw new SigningKeyError(path, 'is not JSON, although it begins like it');
  }
  const { private_key: pem, client_email: owner } = json as { private_key?: unknown; client_email?: unknown };
  if (typeof pem !== 'string') throw new SigningKeyError(path, 'has no private_key: it is not the key of an account');
  return { pem, owner: typeof owner === 'string' ? owner : undefined };
}

function parsePem(path: string, pem: string): KeyObject {
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(pem)) {
    throw new SigningKeyError(path, 'is encrypted: give the key without a passphrase');
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // What OpenSSL says is a code of its decoder and helps nobody.
    throw new SigningKeyError(path, 'is not a private key in PEM');
  }
  if (key.asymmetricKeyType !== 'rsa') {
    throw new SigningKeyError(path, `is a key for ${String(key.asymmetricKeyType)}: Cloud Storage takes RSA`);
  }
  return key;
}

/** Objects whose URL of this second is remembered. */
const MAX_REMEMBERED = 1_000;

/**
 * Signs with a key that this process has: a quarter of a millisecond, which the thread pool would make half of one. A URL
 * has its time in whole seconds and RSA signatures of this kind are always the same, so what is asked for within one
 * second is signed once.
 */
export function keySigner(settings: SigningSettings, { key, account }: SigningKey): UrlSigner {
  const { nowMs = Date.now } = settings;
  const latest = new LRUCache<ObjectKey, { readonly second: number; readonly url: string }>({ max: MAX_REMEMBERED });

  return {
    description: `${account}, with its key`,
    urlOf(name) {
      const now = nowMs();
      const second = Math.floor(now / 1000);
      const known = latest.get(name);
      if (known?.second === second) return known.url;
      const unsigned = unsignedUrl(settings, name, account, now);
      const url = signedUrl(unsigned, sign('RSA-SHA256', Buffer.from(unsigned.toSign), key));
      latest.set(name, { second, url });
      return url;
    },
  };
}
