import type { Logger } from 'pino';
import { type Login, readBasic } from './basic.ts';
import type { Budget } from './budget.ts';
import type { Credentials } from './credentials.ts';
import type { GoogleIdentities, GoogleVerdict } from './google-identities.ts';

/** Whether somebody may pull. */
export type Admission =
  /** `user` is absent where everybody may. */
  | { readonly kind: 'admitted'; readonly user?: string }
  /** To be asked for credentials, or for better ones. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'too-many-failures'; readonly message: string; readonly retryAfterSeconds: number }
  | { readonly kind: 'unavailable'; readonly message: string };

/** Decides who may pull. */
export interface Gate {
  /**
   * At once but for access tokens that Google has to be asked about.
   *
   * @param authorization the request's Authorization
   * @param address where it comes from
   */
  admit(authorization: string | undefined, address: string): Admission | Promise<Admission>;
}

/** The user that stands for a Google access token, as in Google's own registries. */
const GOOGLE_USER = 'oauth2accesstoken';

/** Where everybody may pull. */
export const openGate: Gate = { admit: () => ({ kind: 'admitted' }) };

/**
 * The gate of a private endpoint.
 *
 * Right credentials are let in however many wrong ones came before: with tokens as long as ours nobody guesses one in
 * between, and nobody can shut a user, or a whole office behind one address, out by failing in their name. Google's tokens
 * are right or wrong only after Google was asked, which is bounded for each address by {@link GoogleIdentities}.
 */
export function privateGate(world: {
  readonly credentials?: { current(): Credentials } | undefined;
  readonly google?: GoogleIdentities | undefined;
  /** Failed logins of one address, and in the name of one user; not of the one that stands for all of Google's. */
  readonly failures: { readonly ofAddress: Budget; readonly ofUser: Budget };
  readonly log: Pick<Logger, 'warn'>;
  readonly nowMs?: () => number;
}): Gate {
  const { credentials, google, failures, log, nowMs = Date.now } = world;

  function fail({ user }: Login, address: string, message: string): Admission {
    const ofAddress = failures.ofAddress.take(address);
    // Whose token a wrong one is meant to be nobody knows: it counts against no account.
    const isOwned = google === undefined || user !== GOOGLE_USER;
    const answer = ofAddress.kind === 'left' && isOwned ? failures.ofUser.take(user) : ofAddress;
    if (answer.kind === 'spent') {
      const wait = 'too many logins failed: wait before the next';
      return { kind: 'too-many-failures', message: wait, retryAfterSeconds: answer.retryAfterSeconds };
    }
    // What is no user here may be a password in the wrong field.
    const isKnown = user === GOOGLE_USER || credentials?.current().isUser(user) === true;
    log.warn({ user: isKnown ? user : 'unknown', address, reason: message }, 'login failed');
    return { kind: 'refused', message };
  }

  function admitGoogle(login: Login, address: string, identities: GoogleIdentities): Admission | Promise<Admission> {
    const conclude = (verdict: GoogleVerdict): Admission => {
      switch (verdict.kind) {
        case 'identity':
          return { kind: 'admitted', user: verdict.email };
        case 'refused':
          return fail(login, address, verdict.message);
        case 'too-many-checks':
          return { ...verdict, kind: 'too-many-failures' };
        case 'unavailable':
          return verdict;
        default:
          throw new RangeError(`no such verdict: ${String(verdict satisfies never)}`);
      }
    };
    const verdict = identities.check(login.password, address);
    return verdict instanceof Promise ? verdict.then(conclude) : conclude(verdict);
  }

  return {
    admit(authorization, address) {
      const login = readBasic(authorization);
      // Not a failed login: clients ask without credentials first, to be told that they need some.
      if (login === undefined) return { kind: 'refused', message: 'this registry asks for a user and a token' };
      if (google !== undefined && login.user === GOOGLE_USER) return admitGoogle(login, address, google);
      const verdict = credentials?.current().check(login, nowMs()) ?? { kind: 'wrong' };
      switch (verdict.kind) {
        case 'known':
          return { kind: 'admitted', user: login.user };
        case 'wrong':
          return fail(login, address, 'the user or the token is wrong');
        case 'expired':
          return fail(login, address, `the token expired at ${new Date(verdict.atMs).toISOString()}`);
        default:
          throw new RangeError(`no such verdict: ${String(verdict satisfies never)}`);
      }
    },
  };
}
