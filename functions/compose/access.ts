import { budget } from '../access/budget.ts';
import { credentialsFile } from '../access/credentials-file.ts';
import { type Gate, openGate, privateGate } from '../access/gate.ts';
import type { GoogleIdentities } from '../access/google-identities.ts';
import type { AccessSettings } from '../config/access-settings.ts';
import type { Log } from '../log.ts';

const MINUTE_MS = 60_000;

/** Who may pull, in one word for the log. */
export interface ComposedAccess {
  readonly gate: Gate;
  readonly description: string;
}

/**
 * The gate that was configured. An endpoint without one is open, which is logged as a warning.
 *
 * @throws CredentialsError
 */
export async function composeAccess(settings: AccessSettings, log: Log): Promise<ComposedAccess> {
  const { credentials: path, google: allow, maxFailedLogins } = settings;
  if (path === undefined && allow === undefined) {
    log.warn(
      'anybody who reaches this endpoint can pull from it: neither NIXERY_CREDENTIALS nor NIXERY_GOOGLE_ALLOW is set',
    );
    return { gate: openGate, description: 'everybody' };
  }
  const credentials = path === undefined ? undefined : await credentialsFile(path, log);
  const google = allow && (await identities(allow));
  const failuresOf = () => budget({ size: maxFailedLogins, perMs: MINUTE_MS });
  const failures = { ofAddress: failuresOf(), ofUser: failuresOf() };
  const kinds = [...(credentials ? [`${credentials.current().userCount} users`] : []), ...(google ? ['Google'] : [])];
  return { gate: privateGate({ credentials, google, failures, log }), description: kinds.join(', ') };
}

/** Google's library takes a while to load: only who needs it does. */
async function identities(allow: NonNullable<AccessSettings['google']>): Promise<GoogleIdentities> {
  const { googleIdentities } = await import('../access/google-identities.ts');
  return googleIdentities(allow, { endpoint: allow.tokenInfoEndpoint });
}
