import { resolve } from 'node:path';
import { z } from 'zod';
import type { AddressSource } from '../access/client-address.ts';
import type { GoogleAllowList } from '../access/google-identities.ts';
import type { PackagePatterns } from '../builder/package-policy.ts';
import { text, wholeNumber } from './variable.ts';

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
const patterns = z
  .string()
  .transform((list) => list.split(',').map((entry) => entry.trim()))
  .pipe(
    z.array(
      z.string().regex(/^[A-Za-z0-9_.*+'-]+$/, 'must be attributes, with * in them, such as python3Packages.*,jq'),
    ),
  )
  .optional();

export const accessVariables = z.object({
  NIXERY_CREDENTIALS: text,
  NIXERY_GOOGLE_ALLOW: z
    .string()
    .transform((list) => list.split(',').map((entry) => entry.trim().toLowerCase()))
    .pipe(
      z.array(
        z
          .string()
          .regex(
            /^[^@\s]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+$/,
            'must be accounts and domains, as a@example.com,@example.org',
          ),
      ),
    )
    .optional(),
  GOOGLE_TOKENINFO_ENDPOINT: z.url({ protocol: /^https?$/, error: 'must be a URL' }).optional(),
  NIXERY_MAX_FAILED_LOGINS: wholeNumber(1, 100_000).default(20),
  NIXERY_ALLOW: patterns,
  NIXERY_DENY: patterns,
  NIXERY_TRUSTED_PROXIES: wholeNumber(0, 10).default(0),
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
  NIXERY_GOOGLE_ALLOW: allow,
  GOOGLE_TOKENINFO_ENDPOINT: tokenInfoEndpoint,
}: AccessVariables): AccessSettings['google'] {
  if (allow === undefined) return undefined;
  return {
    accounts: allow.filter((entry) => !entry.startsWith('@')),
    domains: allow.filter((entry) => entry.startsWith('@')).map((entry) => entry.slice(1)),
    tokenInfoEndpoint,
  };
}
