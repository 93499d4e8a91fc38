import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod/mini';
import type { Login } from './basic.ts';
import { OperatorError } from '../operator-error.ts';

// What is wrong in English: this part of the library has no language of its own.
z.config(z.locales.en());

/** Tokens that a user has at once: the one in use and, while it is replaced, the next. */
const MAX_TOKENS = 2;
/** A user's name: what clients can send before a colon, and logs can show. */
const USER = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$/;

const token = z.strictObject({
  sha256: z
    .string()
    .check(z.regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of a token: 64 lower-case hexadecimal digits')),
  /** From then on it is refused. */
  expires: z.optional(
    z.pipe(
      z.iso.datetime({ offset: true, error: 'must be a time such as 2027-01-31T00:00:00Z' }),
      z.transform((text: string) => Date.parse(text)),
    ),
  ),
});
const user = z.strictObject({
  tokens: z
    .array(token)
    .check(
      z.minLength(1, 'must have at least one token'),
      z.maxLength(MAX_TOKENS, `must have at most ${MAX_TOKENS} tokens`),
    ),
});

/** The content of the file of credentials; see docs/credentials.md. */
const fileSchema = z.strictObject({
  users: z.record(z.string(), user).check(
    z.refine((users) => Object.keys(users).length > 0, 'must name at least one user'),
    z.refine(
      (users) => Object.keys(users).every((name) => USER.test(name)),
      'a user has letters, digits and . _ @ + -',
    ),
  ),
});

/** A file of credentials is not what it has to be; the message says where. Nothing of its content is in it. */
export class CredentialsError extends OperatorError {
  readonly code = 'CREDENTIALS';
  override readonly name = 'CredentialsError';
}

/** What a login is worth. */
export type Verdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'wrong' }
  /** The token is right and its time is over. */
  | { readonly kind: 'expired'; readonly atMs: number };

/** Users and the hashes of their tokens. */
export interface Credentials {
  readonly userCount: number;
  isUser(user: string): boolean;
  /** Takes the same time whether or not the user exists, and whichever token is compared. */
  check(login: Login, nowMs: number): Verdict;
}

/**
 * Reads the content of a file of credentials.
 *
 * @throws CredentialsError
 */
export function parseCredentials(content: string): Credentials {
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch {
    // The parser's message quotes the content.
    throw new CredentialsError('it is not JSON');
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${path.map(String).join('.') || 'it'}: ${message}`,
    );
    throw new CredentialsError(problems.join('; '));
  }
  const users = new Map(
    Object.entries(parsed.data.users).map(([user, { tokens }]) => [
      user,
      tokens.map(({ sha256, expires }) => ({ digest: Buffer.from(sha256, 'hex'), expiresMs: expires ?? Infinity })),
    ]),
  );

  return {
    userCount: users.size,
    isUser: (user) => users.has(user),
    check({ user, password }, nowMs) {
      const tokens = users.get(user) ?? [];
      const digest = password.sha256();
      let verdict: Verdict = { kind: 'wrong' };
      // Always as many comparisons, of digests of one length.
      for (let index = 0; index < MAX_TOKENS; index++) {
        const one = tokens[index];
        const isEqual = timingSafeEqual(digest, one?.digest ?? NOBODYS);
        if (!isEqual || one === undefined) continue;
        verdict = nowMs < one.expiresMs ? { kind: 'known' } : { kind: 'expired', atMs: one.expiresMs };
      }
      return verdict;
    },
  };
}

/** Compared where there is no token. */
const NOBODYS = Buffer.alloc(32);
