import { z } from 'zod';
import { buildRecordSchema, recentBuildsSchema } from '../builder/build-record.ts';
import { failureSchema } from '../builder/failures.ts';
import { type ImageRecord, imageRecordSchema } from '../builder/image.ts';
import { leaseSchema } from '../storage/leases.ts';
import { type PlatformsRecord, platformsSchema } from '../builder/platforms/platforms.ts';
import { type AttributeRecord, packageRecordSchema } from '../builder/package-record.ts';
import { packageIndexSchema } from '../builder/package-index.ts';
import { pinSchema } from '../builder/pins.ts';
import { referencesSchema, revisionTimeSchema } from '../builder/revisions/revisions.ts';
import { joinedPathsSchema } from '../layer/join.ts';
import { packedPathSchema } from '../layer/packed-path.ts';
import type { Digest } from '../oci/digest.ts';
import { tagsSchema } from '../registry/tags.ts';
import type { BlobStore, Generation, IoOptions } from '../storage/blob-store.ts';
import { blobKey } from '../storage/known-blobs.ts';
import type { Area, ObjectKey } from '../storage/object-key.ts';
import { findRecord, type FoundRecord } from '../storage/record.ts';
import { blobInspector } from './blob-facts.ts';
import { type ExpectedBlob, wrongWithBlob } from './check-blob.ts';
import { wrongWithImage } from './check-image.ts';
import { eachOf } from './each-of.ts';
import { wrongWithIndex } from './stored-indexes.ts';

export interface VerifyOptions extends IoOptions {
  /** Reads every blob, and computes its digest and its diffID. */
  readonly deep?: boolean;
  /** Removes the records that are wrong, and blobs whose content is not what their names say. */
  readonly fix?: boolean;
  /** Is told of each problem when it is found. */
  readonly problem?: (problem: Problem) => void;
}

export interface Problem {
  /** The record that is wrong. */
  readonly key: ObjectKey;
  readonly wrong: readonly string[];
  /** What it means for who pulls, and what becomes of it. */
  readonly meaning: string;
  readonly removed: boolean;
}

export interface Verified {
  readonly records: Readonly<Partial<Record<Area, number>>>;
  readonly problems: number;
  /**
   * Records without a proof, which a version before there were any wrote: that version alone reads them. They are no
   * problem, and `fix` removes them.
   */
  readonly unproved: number;
}

/** One kind of record, and how it is checked. */
interface Kind<T> {
  readonly area: Area;
  readonly schema: z.ZodType<T>;
  readonly meaning: string;
  readonly blobsOf: (record: T) => readonly Digest[];
  readonly wrong: (key: ObjectKey, record: T) => readonly string[] | Promise<readonly string[]>;
}

/**
 * Checks every record of a store, and the blobs that it names. Instances may serve meanwhile: a record that changes while it
 * is looked at is looked at again, and one that is gone is no problem.
 */
export async function verify(
  store: BlobStore,
  { deep = false, fix = false, problem, signal }: VerifyOptions = {},
): Promise<Verified> {
  const options = { signal };
  const blobs = blobInspector(store, deep);
  const records: Partial<Record<Area, number>> = {};
  let problems = 0;
  let unproved = 0;

  const blob = async (expected: ExpectedBlob) => wrongWithBlob(expected, await blobs.find(expected.digest, options));

  /** What is wrong with a record that stands still; undefined when it is sound, or gone. */
  async function look<T>(
    kind: Kind<T>,
    key: ObjectKey,
  ): Promise<{ wrong: readonly string[]; found: Unsound<T> } | undefined> {
    for (let before: Generation | undefined; ;) {
      const found = await findRecord(store, key, kind.schema, options);
      if (found.kind === 'absent') return undefined;
      if (found.kind === 'found' && before !== undefined)
        for (const digest of kind.blobsOf(found.value)) blobs.forget(digest);
      const wrong = found.kind === 'broken' ? [found.reason] : await kind.wrong(key, found.value);
      if (wrong.length === 0) return undefined;
      if (found.generation === before) return { wrong, found };
      before = found.generation;
    }
  }

  async function remove<T>(kind: Kind<T>, key: ObjectKey, found: Unsound<T>): Promise<boolean> {
    const isRemoved = await store.delete(key, { ...options, generation: found.generation });
    for (const digest of found.kind === 'found' ? kind.blobsOf(found.value) : []) {
      const facts = await blobs.find(digest, options);
      if (facts?.content === undefined || facts.content.digest === digest) continue;
      await store.delete(blobKey(digest), { ...options, generation: facts.generation });
      blobs.forget(digest);
    }
    return isRemoved;
  }

  async function check<T>(kind: Kind<T>): Promise<void> {
    await eachOf(store.list(kind.area, options), async ({ key }) => {
      records[kind.area] = (records[kind.area] ?? 0) + 1;
      const unsound = await look(kind, key);
      if (unsound === undefined) return;
      if (unsound.found.kind === 'broken' && unsound.found.unproved !== undefined) {
        unproved++;
        if (fix) await remove(kind, key, unsound.found);
        return;
      }
      problems++;
      const removed = fix && (await remove(kind, key, unsound.found));
      problem?.({ key, wrong: unsound.wrong, meaning: kind.meaning, removed });
    });
  }

  const packed = (meaning: string) => ({ meaning, blobsOf: ({ digest }: { digest: Digest }) => [digest] });
  await check({
    ...packed('the next image with this path packs it again'),
    area: 'contents',
    schema: packedPathSchema,
    wrong: async (_key, record) => {
      const isOutside = record.memberOffset + record.memberBytes > record.sizeBytes;
      return [...(isOutside ? ['its member is outside of its blob'] : []), ...(await blob(record))];
    },
  });
  await check({
    ...packed('the next image with this layer joins it again'),
    area: 'joins',
    schema: joinedPathsSchema,
    wrong: (_key, record) => blob(record),
  });
  await check<ImageRecord>({
    area: 'images',
    schema: imageRecordSchema,
    meaning: 'a pull of this image fails; the pull after that makes it again',
    blobsOf: (record) => [record.digest, ...record.blobs],
    wrong: (key, record) => wrongWithImage(store, blobs, key, record, options),
  });
  await check<PlatformsRecord>({
    ...unnamed('a pull of this index by its digest fails; a pull by its tag makes it again'),
    area: 'platforms',
    schema: platformsSchema,
    wrong: (key, record) => wrongWithIndex(store, key, record, options),
  });
  await check<AttributeRecord>({
    ...unnamed('the package is looked up again by Nix'),
    area: 'packages',
    schema: packageRecordSchema,
    wrong: (_key, record) => wrongWithPackage(record),
  });
  await check({ ...unnamed('the reference is looked up again'), area: 'pins', schema: pinSchema });
  await check({
    ...unnamed('dates of commits, or what tags there are, are looked up again'),
    area: 'commits',
    schema: z.union([revisionTimeSchema, referencesSchema]),
  });
  await check({ ...unnamed('it is ignored'), area: 'failures', schema: failureSchema });
  await check({ ...unnamed('the tags that were pulled for a name are forgotten'), area: 'tags', schema: tagsSchema });
  await check({
    ...unnamed('packages are listed again for who searches'),
    area: 'indexes',
    schema: packageIndexSchema,
  });
  await check({
    ...unnamed('what is told of a build is forgotten'),
    area: 'builds',
    schema: z.union([buildRecordSchema, recentBuildsSchema]),
  });
  await check({ ...unnamed('a build waits for a quarter of a minute'), area: 'locks', schema: leaseSchema });
  return { records, problems, unproved };
}

type Unsound<T> = Exclude<FoundRecord<T>, { kind: 'absent' }>;

/** Of records that name no blobs, and whose shape is all that can be wrong. */
function unnamed(meaning: string) {
  return { meaning, blobsOf: () => [], wrong: () => [] };
}

function wrongWithPackage(record: AttributeRecord): readonly string[] {
  if (record.kind !== 'package') return [];
  const closure = new Set(record.closure.map(({ path }) => path));
  return record.outputs.flatMap((path) => [
    ...(closure.has(path) ? [] : [`its closure lacks ${path}`]),
    ...(path in record.trees ? [] : [`it has no listing of ${path}`]),
  ]);
}
