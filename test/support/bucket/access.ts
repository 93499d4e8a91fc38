import { randomUUID } from 'node:crypto';
import { ApiFailure } from './objects.ts';

/** What `roles/storage.objectUser` grants of what a store needs. */
export const OBJECT_USER = [
  ...['storage.objects.create', 'storage.objects.delete', 'storage.objects.get', 'storage.objects.list'],
  ...['storage.objects.update', 'storage.objects.move'],
] as const;

/** May sign as an account, on that account. */
export const SIGN_BLOB = 'iam.serviceAccounts.signBlob';

/** May have access tokens of an account made, on that account. */
export const GET_ACCESS_TOKEN = 'iam.serviceAccounts.getAccessToken';

const TOKEN_LIFETIME_S = 3600;

/** Accounts, their tokens and what they may do. Tokens are dated by the real clock, as clients renew them by theirs. */
export class Access {
  readonly #grants = new Map<string, Set<string>>();
  readonly #tokens = new Map<string, { readonly account: string; readonly untilMs: number }>();

  grant(account: string, permissions: readonly string[]): void {
    this.#grants.set(account, new Set([...(this.#grants.get(account) ?? []), ...permissions]));
  }

  revoke(account: string, permissions: readonly string[]): void {
    for (const permission of permissions) this.#grants.get(account)?.delete(permission);
  }

  issueToken(account: string): { readonly token: string; readonly expiresInS: number } {
    const token = `ya29.${randomUUID()}`;
    this.#tokens.set(token, { account, untilMs: Date.now() + TOKEN_LIFETIME_S * 1000 });
    return { token, expiresInS: TOKEN_LIFETIME_S };
  }

  /** The account that a request comes from; undefined for one without credentials. */
  accountOf(authorization: string | undefined): string | undefined {
    if (authorization === undefined) return undefined;
    const known = this.#tokens.get(authorization.replace(/^Bearer /, ''));
    if (known === undefined || known.untilMs <= Date.now()) {
      throw new ApiFailure(401, 'authError', 'Invalid Credentials');
    }
    return known.account;
  }

  isGranted(account: string | undefined, permission: string): boolean {
    return account !== undefined && this.#grants.get(account)?.has(permission) === true;
  }

  /** @throws ApiFailure 401 without credentials, 403 without the permission */
  demand(account: string | undefined, permission: string, resource: string): void {
    if (this.isGranted(account, permission)) return;
    const who = account ?? 'Anonymous caller';
    const message =
      `${who} does not have ${permission} access to ${resource}. ` +
      `Permission '${permission}' denied on resource (or it may not exist).`;
    throw account === undefined ? new ApiFailure(401, 'required', message) : new ApiFailure(403, 'forbidden', message);
  }
}
