import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';

/** A token that a file of credentials knows, and when it ends. */
export interface KnownToken {
  readonly token: string;
  readonly expires?: string;
}

/** Writes a file of credentials as a mounted secret changes: at once, by another file. */
export async function writeCredentials(path: string, users: Readonly<Record<string, readonly KnownToken[]>>) {
  const entries = Object.entries(users).map(([user, tokens]) => [
    user,
    {
      tokens: tokens.map(({ token, ...rest }) => ({
        sha256: createHash('sha256').update(token).digest('hex'),
        ...rest,
      })),
    },
  ]);
  await writeFile(`${path}.next`, JSON.stringify({ users: Object.fromEntries(entries) as object }));
  await rename(`${path}.next`, path);
}

export function basic(user: string, password: string): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}
