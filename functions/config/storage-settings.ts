import { resolve } from 'node:path';
import { z } from 'zod/mini';
import { matching, oneOf, text } from './variable.ts';

export type StorageSettings =
  | { readonly backend: 'filesystem'; readonly path: string }
  | {
      readonly backend: 'gcs';
      readonly bucket: string;
      /** Where the API is, when not at Google: for tests. */
      readonly apiEndpoint: string | undefined;
      readonly signing: SigningChoice;
    };

/** Who signs the URLs of layers; nobody does when objects are public. */
export type SigningChoice =
  | { readonly kind: 'key'; readonly path: string; readonly account: string | undefined }
  | { readonly kind: 'keyless'; readonly account: string }
  | { readonly kind: 'public' };

const bucketName = z.optional(
  matching(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, 'must be the name of a bucket, without gs://'),
);

export const storageVariables = z.object({
  NIXERY_STORAGE_BACKEND: z.optional(oneOf(['gcs', 'filesystem'])),
  BUCKET: bucketName,
  GCS_BUCKET: bucketName,
  GCS_SIGNING_KEY: text,
  GCS_SIGNING_ACCOUNT: z.optional(matching(/^[^@\s]+@[^@\s]+$/, 'must be the e-mail address of a service account')),
  GCS_API_ENDPOINT: z.optional(
    matching(/^https?:\/\/[a-z0-9.:-]+$/, 'must be a URL without a path, such as http://localhost:4443'),
  ),
  STORAGE_PATH: z._default(z.string(), '.data/store'),
});

/** What is wrong with variables that are right by themselves. */
export function storageProblems({
  NIXERY_STORAGE_BACKEND: backend,
  BUCKET: bucket,
  GCS_BUCKET: sameBucket,
}: Readonly<Record<string, string>>): string[] {
  const problems: string[] = [];
  if (backend === 'gcs' && bucket === undefined && sameBucket === undefined) {
    problems.push('BUCKET must be set when NIXERY_STORAGE_BACKEND is gcs');
  }
  if (bucket !== undefined && sameBucket !== undefined && bucket !== sameBucket) {
    problems.push('BUCKET and GCS_BUCKET must be the same where both are set');
  }
  return problems;
}

export function storageSettings(data: z.infer<typeof storageVariables>): StorageSettings {
  const bucket = data.BUCKET ?? data.GCS_BUCKET;
  if (bucket === undefined || data.NIXERY_STORAGE_BACKEND === 'filesystem') {
    return { backend: 'filesystem', path: resolve(data.STORAGE_PATH) };
  }
  return { backend: 'gcs', bucket, apiEndpoint: data.GCS_API_ENDPOINT, signing: signingChoice(data) };
}

function signingChoice({ GCS_SIGNING_KEY: key, GCS_SIGNING_ACCOUNT: account }: z.infer<typeof storageVariables>) {
  if (key !== undefined) return { kind: 'key', path: resolve(key), account } as const;
  return account === undefined ? ({ kind: 'public' } as const) : ({ kind: 'keyless', account } as const);
}
