import { resolve } from 'node:path';
import { z } from 'zod/mini';
import type { AddressSource } from '../access/client-address.ts';
import type { GoogleAllowList } from '../access/google-identities.ts';
import type { PackagePatterns } from '../builder/package-policy.ts';
import { commaList, text, wholeNumber } from './variable.ts';

/** Who may pull: everybody, when neither credentials nor Google's identities are configured. */
export interface AccessSettings {
  /** Path of the file of credentials. */
  readonly credentials: string | undefined;
  readonly google: (GoogleAllowList & { readonly tokenInfoEndpoint: string | undefined }) | undefined;
  /** Failed logins a minute of one address, and in the name of one user. */
  readonly maxFailedLogins: number;
  /** Where a client's address is to be found. */
  readonly addresses: AddressSource;
  /** Patterns of the attributes that alone may be had, all when undefined; and of those that may not. */
  readonly policy: PackagePatterns;
}

/** Attributes, with `*` for any characters. */
const patterns = commaList(/^[A-Za-z0-9_.*+'-]+$/, 'must be attributes, with * in them, such as python3Packages.*,jq');

export const accessVariables = z.object({
  NIXERY_CREDENTIALS: text,
  NIXERY_GOOGLE_ALLOW: commaList(
    /^[^@\s]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i,
    'must be accounts and domains, as a@example.com,@example.org',
  ),
  GOOGLE_TOKENINFO_ENDPOINT: z.optional(z.url({ protocol: /^https?$/, error: 'must be a URL' })),
  NIXERY_MAX_FAILED_LOGINS: z._default(wholeNumber(1, 100_000), 20),
  NIXERY_ALLOW: patterns,
  NIXERY_DENY: patterns,
  NIXERY_TRUSTED_PROXIES: z._default(wholeNumber(0, 10), 0),
  K_SERVICE: text,
});

type AccessVariables = z.infer<typeof accessVariables>;

export function accessSettings(data: AccessVariables): AccessSettings {
  return {
    credentials: data.NIXERY_CREDENTIALS && resolve(data.NIXERY_CREDENTIALS),
    google: googleSettings(data),
    maxFailedLogins: data.NIXERY_MAX_FAILED_LOGINS,
    // Elsewhere nobody vouches for the header.
    addresses:
      data.K_SERVICE === undefined ? { kind: 'socket' } : { kind: 'forwarded', proxies: data.NIXERY_TRUSTED_PROXIES },
    policy: { allow: data.NIXERY_ALLOW, deny: data.NIXERY_DENY ?? [] },
  };
}

function googleSettings({
  NIXERY_GOOGLE_ALLOW: listed,
  GOOGLE_TOKENINFO_ENDPOINT: tokenInfoEndpoint,
}: AccessVariables): AccessSettings['google'] {
  if (listed === undefined) return undefined;
  const allow = listed.map((entry) => entry.toLowerCase());
  return {
    accounts: allow.filter((entry) => !entry.startsWith('@')),
    domains: allow.filter((entry) => entry.startsWith('@')).map((entry) => entry.slice(1)),
    tokenInfoEndpoint,
  };
}
