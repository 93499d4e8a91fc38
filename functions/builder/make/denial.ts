import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import { findRecord } from '../../storage/record.ts';
import type { ImageRequest } from '../image-request.ts';
import type { PackagesDenied } from '../outcome.ts';
import { type PackagePolicy, type PolicySubject, subjectOf } from '../package-policy.ts';
import { type NamedRecord, packageObject, packageRecordSchema } from '../package-record.ts';

/**
 * Whether what is recorded of the packages of a request says that they are not to be had: then nothing of the others is
 * built.
 *
 * @param keys of the packages' records
 */
type KnownDenials = (
  request: ImageRequest,
  keys: readonly string[],
  options: IoOptions,
) => Promise<PackagesDenied | undefined>;

export function knownDenials(store: BlobStore, policy: PackagePolicy | undefined): KnownDenials {
  return async (request, keys, { signal }) => {
    if (policy === undefined) return undefined;
    const found = await Promise.all(
      keys.map(async (key) => {
        const one = await findRecord(store, packageObject(key), packageRecordSchema, { signal });
        if (one.kind !== 'found') return [];
        return one.value.kind === 'package' || one.value.kind === 'named' ? [{ record: one.value }] : [];
      }),
    );
    const message = policy.refusal(subjectsOf(request, found.flat()));
    return message === undefined ? undefined : { kind: 'denied', message };
  };
}

/** What was asked for, of the packages of an image. */
export function subjectsOf(
  { attributes }: ImageRequest,
  packages: readonly { readonly record: NamedRecord }[],
): PolicySubject[] {
  return packages
    .filter(({ record }) => attributes.includes(record.attribute))
    .map(({ record }) => subjectOf({ ...record, version: record.packageVersion }));
}
