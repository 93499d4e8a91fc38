import { randomBytes } from 'node:crypto';
import { Secret } from './secret.ts';

/** 256 bits: nobody guesses that, so a plain SHA-256 keeps it as well as a slow hash keeps a password. */
const TOKEN_BYTES = 32;

/** A new random token, for one user of one endpoint. Its first letters tell a scanner for secrets what it found. */
export function newToken(): Secret {
  return new Secret(`nixery_${randomBytes(TOKEN_BYTES).toString('base64url')}`);
}
