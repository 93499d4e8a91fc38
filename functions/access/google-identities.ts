import { LRUCache } from 'lru-cache';
import type { OAuth2Client } from 'google-auth-library';
import { z } from 'zod';
import { budget } from './budget.ts';
import type { Secret } from './secret.ts';

/** Who may pull with an access token of Google's. */
export interface GoogleAllowList {
  /** E-mail addresses, in lower case. */
  readonly accounts: readonly string[];
  /** What stands behind the @ of an address, in lower case. */
  readonly domains: readonly string[];
}

/** What an access token is worth. */
export type GoogleVerdict =
  | { readonly kind: 'identity'; readonly email: string }
  | { readonly kind: 'refused'; readonly message: string }
  /** Google does not answer; it may soon. */
  | { readonly kind: 'unavailable'; readonly message: string }
  /** Google is not asked, since it was asked too often for this address. */
  | { readonly kind: 'too-many-checks'; readonly message: string; readonly retryAfterSeconds: number };

export interface GoogleIdentities {
  /**
   * At once what is remembered; everything else is asked of Google, each token once at a time.
   *
   * @param address for whom Google is asked: no address can use up what others may ask
   */
  check(token: Secret, address: string): GoogleVerdict | Promise<GoogleVerdict>;
}

/** The longest that a verdict is believed: as long may a token that was revoked be used. */
const VERDICT_FOR_MS = 5 * 60_000;
/** Of identities, and of refusals as well: who sends wrong tokens drives out no right one. */
const MAX_REMEMBERED = 10_000;
/** Tokens that are asked about at once. */
const MAX_LOOK_UPS = 256;
/** For one address: whoever owns a token is known only afterwards, so there is no other bound. */
const MAX_LOOK_UPS_OF_ADDRESS = 16;
/** For one address: an office or a cluster that logs in in the morning, and then 10 a second. */
const CHECKS_OF_ADDRESS = { size: 60, perMs: 6_000 };
/** For one try; the library makes up to three. */
const LOOK_UP_TIMEOUT_MS = 2_500;
/** "Access tokens: 2048 bytes" (Using OAuth 2.0 to Access Google APIs, "Token size"), in what a header may hold. */
const TOKEN = /^[!-~]{1,2048}$/;

/**
 * The OAuth clients whose tokens are taken from people: gcloud's, of `gcloud auth print-access-token` and of
 * `gcloud auth application-default print-access-token`. Any web site that a person signs in to gets tokens with that
 * person's address too, and must not be able to pull with them.
 */
const GCLOUD_CLIENTS = [
  '32555940559.apps.googleusercontent.com',
  '764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com',
];
/** A service account's own tokens have its number in place of a client. */
const ACCOUNT_NUMBER = /^\d{10,30}$/;
const SERVICE_ACCOUNT = /@[a-z0-9.-]+\.gserviceaccount\.com$/;

/** What the endpoint `tokeninfo` says of an access token, as far as it matters. All its values are strings. */
const tokenInfoSchema = z.object({
  aud: z.string(),
  azp: z.string().optional(),
  email: z.string().optional(),
  email_verified: z.union([z.string(), z.boolean()]).optional(),
  expiry_date: z.number(),
});

interface Remembered {
  readonly verdict: GoogleVerdict;
  /** By a clock that never goes back. */
  readonly untilMs: number;
}

/** @param options `endpoint`: where `tokeninfo` is, when not at Google: for tests; `nowMs`: the time since 1970; `elapsedMs`: a
 *   clock that never goes back, for what is remembered; `maxRemembered`: identities, and as many refusals */
export function googleIdentities(
  allow: GoogleAllowList,
  {
    endpoint,
    nowMs = Date.now,
    elapsedMs = () => performance.now(),
    maxRemembered = MAX_REMEMBERED,
  }: {
    readonly endpoint?: string | undefined;
    readonly nowMs?: () => number;
    readonly elapsedMs?: () => number;
    readonly maxRemembered?: number;
  } = {},
): GoogleIdentities {
  const memory = () => new LRUCache<string, Remembered>({ max: maxRemembered });
  const [identities, refusals] = [memory(), memory()];
  const lookUps = new Map<string, Promise<GoogleVerdict>>();
  const checks = budget(CHECKS_OF_ADDRESS, elapsedMs);
  /** How many run for each address; one without is not in it. */
  const running = new Map<string, number>();
  const accounts = new Set(allow.accounts);
  const domains = new Set(allow.domains);
  let client: Promise<OAuth2Client> | undefined;

  /** The library is loaded when it is needed. */
  async function connect(): Promise<OAuth2Client> {
    const { OAuth2Client } = await import('google-auth-library');
    return new OAuth2Client({
      ...(endpoint !== undefined && { endpoints: { tokenInfoUrl: endpoint } }),
      transporterOptions: { timeout: LOOK_UP_TIMEOUT_MS },
    });
  }

  async function ask(token: Secret): Promise<{ verdict: GoogleVerdict; untilMs: number }> {
    client ??= connect();
    let answer: unknown;
    try {
      answer = await (await client).getTokenInfo(token.expose());
    } catch (error) {
      // The library's errors carry the token: nothing of them is passed on.
      const status = statusOf(error);
      return status === 400 || status === 401
        ? { verdict: refused('Google does not know this access token, or it has expired'), untilMs: Infinity }
        : { verdict: { kind: 'unavailable', message: 'Google cannot be asked about the access token' }, untilMs: 0 };
    }
    const info = tokenInfoSchema.safeParse(answer);
    if (!info.success) return { verdict: refused('Google says too little about this access token'), untilMs: Infinity };
    return { verdict: judge(info.data), untilMs: info.data.expiry_date };
  }

  function judge({ aud, azp = aud, email, email_verified: verified, expiry_date }: z.infer<typeof tokenInfoSchema>) {
    if (!(expiry_date > nowMs())) return refused('the access token has expired');
    if (email === undefined) return refused('the access token does not tell an e-mail address (scope userinfo.email)');
    if (verified !== 'true' && verified !== true) return refused(`Google has not verified the address ${email}`);
    const address = email.toLowerCase();
    const isOwn = (made: string) =>
      SERVICE_ACCOUNT.test(address) ? ACCOUNT_NUMBER.test(made) : GCLOUD_CLIENTS.includes(made);
    if (!isOwn(aud) || !isOwn(azp)) return refused('the access token was made for another program than gcloud');
    const domain = address.slice(address.lastIndexOf('@') + 1);
    if (!accounts.has(address) && !domains.has(domain)) return refused(`${email} may not pull here`);
    return { kind: 'identity', email: address } as const;
  }

  async function lookUp(token: Secret, key: string): Promise<GoogleVerdict> {
    const { verdict, untilMs } = await ask(token);
    const leftMs = untilMs - nowMs();
    if (leftMs > 0) {
      const verdicts = verdict.kind === 'identity' ? identities : refusals;
      verdicts.set(key, { verdict, untilMs: elapsedMs() + Math.min(leftMs, VERDICT_FOR_MS) });
    }
    return verdict;
  }

  async function lookUpFor(address: string, token: Secret, key: string): Promise<GoogleVerdict> {
    running.set(address, (running.get(address) ?? 0) + 1);
    try {
      return await lookUp(token, key);
    } finally {
      lookUps.delete(key);
      const left = (running.get(address) ?? 1) - 1;
      if (left > 0) running.set(address, left);
      else running.delete(address);
    }
  }

  function remembered(key: string): GoogleVerdict | undefined {
    const found = identities.get(key) ?? refusals.get(key);
    return found !== undefined && elapsedMs() < found.untilMs ? found.verdict : undefined;
  }

  const keyOf = (token: Secret) => token.sha256().toString('base64');

  return {
    check(token, address) {
      if (!TOKEN.test(token.expose())) return refused('this is not an access token');
      const key = keyOf(token);
      const known = remembered(key) ?? lookUps.get(key);
      if (known !== undefined) return known;
      if ((running.get(address) ?? 0) >= MAX_LOOK_UPS_OF_ADDRESS) return tooManyChecks(1);
      if (lookUps.size >= MAX_LOOK_UPS) {
        return { kind: 'unavailable', message: 'too many access tokens are being looked up: try again' };
      }
      const left = checks.take(address);
      if (left.kind === 'spent') return tooManyChecks(left.retryAfterSeconds);
      const asked = lookUpFor(address, token, key);
      lookUps.set(key, asked);
      return asked;
    },
  };
}

function tooManyChecks(retryAfterSeconds: number): GoogleVerdict {
  const message = 'too many access tokens from your address had to be checked: wait before the next';
  return { kind: 'too-many-checks', message, retryAfterSeconds };
}

function refused(message: string): Extract<GoogleVerdict, { kind: 'refused' }> {
  return { kind: 'refused', message };
}

function statusOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  const { response, status } = error as { response?: { status?: unknown }; status?: unknown };
  return response?.status ?? status;
}
