import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import { findRecord } from '../../storage/record.ts';
import type { ImageRecord } from '../image.ts';
import { type PackagePolicy, type PolicySubject, subjectOf } from '../package-policy.ts';
import { packageObject, packageRecordSchema } from '../package-record.ts';

/** Whether an image that was made, perhaps before there was a policy, is to be had under it. */
export type Judgement =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'denied'; readonly message: string }
  /** What it was made from is not known any more: it has to be made again. */
  | { readonly kind: 'unknown' };

/** At once for an image that says itself what was asked for, and for one that was judged before. */
export type ImageJudge = (record: ImageRecord, options?: IoOptions) => Judgement | Promise<Judgement>;

const ALLOWED: Judgement = { kind: 'allowed' };

/** Judges images by what was asked for in their names; what comes with that in a closure is not asked about. */
export function imageJudge(store: BlobStore, policy: PackagePolicy | undefined): ImageJudge {
  if (policy === undefined) return () => ALLOWED;
  const judged = new WeakMap<ImageRecord, Judgement>();

  function conclude(record: ImageRecord, asked: readonly PolicySubject[]): Judgement {
    const message = policy?.refusal(asked);
    const judgement: Judgement = message === undefined ? ALLOWED : { kind: 'denied', message };
    judged.set(record, judgement);
    return judgement;
  }

  /** Records of images did not always say it. */
  async function judgeByPackages(record: ImageRecord, options: IoOptions): Promise<Judgement> {
    const asked: PolicySubject[] = [];
    for (const name of record.packages) {
      const found = await findRecord(store, packageObject(name), packageRecordSchema, options);
      if (found.kind !== 'found' || found.value.kind !== 'package') return { kind: 'unknown' };
      if (!record.attributes.includes(found.value.attribute)) continue;
      asked.push(subjectOf({ ...found.value, version: found.value.packageVersion }));
    }
    return asked.length < record.attributes.length ? { kind: 'unknown' } : conclude(record, asked);
  }

  return (record, options = {}) =>
    judged.get(record) ??
    (record.asked === undefined ? judgeByPackages(record, options) : conclude(record, record.asked));
}
