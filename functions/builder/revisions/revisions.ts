import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { sharedWork } from '../../concurrency/shared-work.ts';
import type { PackageSource } from '../../nix/source.ts';
import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import { objectKey } from '../../storage/object-key.ts';
import { findRecord, keyHash, settleRecord } from '../../storage/record.ts';

export { type KnownReferences, knownReferences, referencesSchema } from './references.ts';
export { type SourceMemory, STALE_FOR_MS } from './source-memory.ts';

/** When revisions were made, asked once and remembered in the store: an image says it, and equal images say the same. */
export interface RevisionTimes {
  /**
   * In seconds since 1970; undefined where the source's revisions have no dates.
   *
   * @throws SourceError when nobody knows it and the source does not say: an image with another date would be another image
   */
  of(source: DatedSource, revision: string, options?: IoOptions): Promise<number | undefined>;
}

type DatedSource = Pick<PackageSource, 'description' | 'identity' | 'madeAt'>;

/** Version of the record and of its key. */
const FORMAT = 1;

/** `commits/<key>`. */
export const revisionTimeSchema = z.object({
  version: z.literal(FORMAT),
  /** For people who look into the store. */
  source: z.string(),
  revision: z.string(),
  madeAtS: z.number(),
});

const MAX_REMEMBERED = 10_000;

export function revisionTimes(store: BlobStore): RevisionTimes {
  const remembered = new LRUCache<string, number>({ max: MAX_REMEMBERED });
  const lookUps = sharedWork<number>();

  async function lookUp(
    ask: NonNullable<PackageSource['madeAt']>,
    { source, revision, name }: { readonly source: DatedSource; readonly revision: string; readonly name: string },
    signal: AbortSignal,
  ): Promise<number> {
    const key = objectKey('commits', name);
    const found = await findRecord(store, key, revisionTimeSchema, { signal });
    if (found.kind === 'found') return found.value.madeAtS;
    const madeAtS = await ask(revision, { signal });
    const record = { version: FORMAT, source: source.description, revision, madeAtS } as const;
    return (await settleRecord(store, key, revisionTimeSchema, record, found, { signal })).madeAtS;
  }

  return {
    async of(source, revision, options = {}) {
      const { madeAt } = source;
      if (madeAt === undefined) return undefined;
      const name = keyHash({ format: FORMAT, source: source.identity, revision });
      const known = remembered.get(name);
      if (known !== undefined) return known;
      const madeAtS = await lookUps(name, (signal) => lookUp(madeAt, { source, revision, name }, signal), options);
      remembered.set(name, madeAtS);
      return madeAtS;
    },
  };
}
