import type { BlobStore } from '../../storage/blob-store.ts';
import { findRecord, overwriteRecord } from '../../storage/record.ts';
import { agreeOnPaths } from './agree-on-paths.ts';
import { type KnownPackage, packageObject, type PackageRecord, packageRecordSchema } from '../package-record.ts';

/** Rewrites records that name another content of a path than the others do. Those that were recorded before decide. */
export async function settlePaths(
  store: BlobStore,
  packages: readonly KnownPackage[],
  {
    isRecorded,
    signal,
  }: { readonly isRecorded: (one: PackageRecord) => boolean; readonly signal: AbortSignal | undefined },
): Promise<readonly KnownPackage[]> {
  const records = packages.map(({ record }) => record);
  const deciding = [...records.filter(isRecorded), ...records.filter((one) => !isRecorded(one))];
  const agreed = new Map(agreeOnPaths(deciding).map((record, index) => [deciding[index], record]));
  return Promise.all(
    packages.map(async ({ key, record: before }) => {
      const record = agreed.get(before) ?? before;
      if (record === before) return { key, record };
      const found = await findRecord(store, packageObject(key), packageRecordSchema, { signal });
      await overwriteRecord(store, packageObject(key), record, found, { signal });
      return { key, record };
    }),
  );
}
