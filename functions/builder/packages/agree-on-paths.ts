import type { ClosurePath, StorePath } from '../../nix/store-path.ts';
import type { PackageRecord } from '../package-record.ts';

/**
 * Makes records name one content for each store path. Some builds differ each time: two machines that built one have two
 * NAR hashes for one path, and clients of images with both would download it twice. The first record that names a path
 * decides; records that said otherwise are changed.
 *
 * @returns the records in their order; those that had to be changed are new objects
 */
export function agreeOnPaths(records: readonly PackageRecord[]): readonly PackageRecord[] {
  const decided = new Map<StorePath, ClosurePath>();
  return records.map((record) => {
    const closure = record.closure.map((one) => {
      const first = decided.get(one.path);
      if (first === undefined) {
        decided.set(one.path, one);
        return one;
      }
      if (first.narHash === one.narHash) return one;
      return first;
    });
    return closure.every((one, index) => one === record.closure[index]) ? record : { ...record, closure };
  });
}
