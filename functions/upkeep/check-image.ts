import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { type ImageRecord, imageObject } from '../builder/image.ts';
import { digestSchema } from '../oci/digest-schema.ts';
import { type Digest, hexOf } from '../oci/digest.ts';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import { blobKey } from '../storage/known-blobs.ts';
import type { ObjectKey } from '../storage/object-key.ts';
import type { BlobInspector } from './blob-facts.ts';
import { wrongWithBlob } from './check-blob.ts';

const descriptorSchema = z.object({ digest: digestSchema, size: z.int().nonnegative() });
const manifestSchema = z.object({ config: descriptorSchema, layers: z.array(descriptorSchema).min(1) });
const configSchema = z.object({ rootfs: z.object({ diff_ids: z.array(digestSchema) }) });

/** A config lists a hundred layers; anything longer is none of ours. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** What is wrong with an image: with its record, its manifest, its config and its layers. */
export async function wrongWithImage(
  store: BlobStore,
  blobs: BlobInspector,
  key: ObjectKey,
  record: ImageRecord,
  options: IoOptions,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const byDigest = imageObject(hexOf(record.digest));
  if (key !== imageObject(record.key) && key !== byDigest) wrong.push(`the record is that of ${record.key}`);
  // Clients ask for the digest that the tag gave them.
  if (key !== byDigest && (await store.stat(byDigest, options)) === undefined) {
    wrong.push(`${byDigest} is gone: the image cannot be pulled by its digest`);
  }
  const bytes = Buffer.from(record.manifest);
  const manifest = manifestSchema.safeParse(json(record.manifest));
  if (!manifest.success) return [...wrong, 'the manifest is none'];

  const { config, layers } = manifest.data;
  const named = new Set([config, ...layers].map(({ digest }) => digest));
  const listed = new Set(record.blobs);
  if (named.size !== listed.size || record.blobs.some((digest) => !named.has(digest)))
    wrong.push('the record lists other blobs');
  const check = async (what: string, digest: Digest, sizeBytes: number, diffId?: Digest) => {
    const facts = await blobs.find(digest, options);
    wrong.push(...wrongWithBlob({ digest, sizeBytes, diffId }, facts).map((problem) => `its ${what} ${problem}`));
    return facts;
  };
  await check('manifest', record.digest, bytes.length);
  const configFacts = await check('config', config.digest, config.size);
  let diffIds: readonly Digest[] = [];
  if (configFacts?.content?.digest === config.digest) {
    diffIds = await diffIdsOf(store, config.digest, configFacts.sizeBytes, options);
    if (diffIds.length !== layers.length) {
      wrong.push(`its config has ${diffIds.length} diffIDs for ${layers.length} layers`);
    }
  }
  for (const [index, { digest, size }] of layers.entries()) await check('layer', digest, size, diffIds[index]);
  return wrong;
}

async function diffIdsOf(
  store: BlobStore,
  digest: Digest,
  sizeBytes: number,
  options: IoOptions,
): Promise<readonly Digest[]> {
  if (sizeBytes > MAX_CONFIG_BYTES) return [];
  const content = await store.read(blobKey(digest), options);
  if (content === undefined) return [];
  const config = configSchema.safeParse(json((await buffer(content.stream)).toString()));
  return config.success ? config.data.rootfs.diff_ids : [];
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // No schema takes it.
  }
}
