import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { type Digest, digestFromHex, digestOfBytes, parseDigest } from '../../oci/digest.ts';
import { architectureOf, type System } from '../../oci/platform.ts';
import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import { blobKey } from '../../storage/known-blobs.ts';
import { findRecord } from '../../storage/record.ts';
import { imageObject, type ImageRecord, imageRecordSchema } from '../image.ts';
import type { ImageRequest } from '../image-request.ts';

/** Manifests and configs list a hundred layers; anything longer is none of ours. */
const MAX_BYTES = 1024 * 1024;

const SYSTEMS: readonly System[] = ['x86_64-linux', 'aarch64-linux'];

const manifestSchema = z.object({ config: z.object({ digest: z.string() }) });
const configSchema = z.object({
  architecture: z.string(),
  config: z.object({
    Labels: z.object({ 'org.opencontainers.image.title': z.string(), 'org.opencontainers.image.revision': z.string() }),
  }),
});

/**
 * Finds the image whose record by its digest is broken: its manifest and config, which their digests prove, say what was
 * asked for, and so its key, under which it is recorded as well.
 *
 * @returns undefined when there is no such manifest, or no record of that
 */
export type RecoverImage = (hex: string, options: IoOptions) => Promise<ImageRecord | undefined>;

export function imageRecovery(
  store: BlobStore,
  keyOf: (request: ImageRequest, revision: string) => string,
): RecoverImage {
  async function read<T>(digest: Digest, schema: z.ZodType<T>, options: IoOptions): Promise<T | undefined> {
    const content = await store.read(blobKey(digest), options);
    if (content === undefined) return undefined;
    if (content.sizeBytes > MAX_BYTES) {
      content.stream.destroy();
      return undefined;
    }
    const bytes = await buffer(content.stream);
    return digestOfBytes(bytes) === digest ? schema.safeParse(JSON.parse(bytes.toString())).data : undefined;
  }

  return async (hex, options) => {
    const digest = digestFromHex(hex);
    const manifest = await read(digest, manifestSchema, options);
    const configDigest = manifest && parseDigest(manifest.config.digest);
    const config = configDigest && (await read(configDigest, configSchema, options));
    const system = SYSTEMS.find((one) => architectureOf(one) === config?.architecture);
    if (config === undefined || system === undefined) return undefined;
    const { Labels: labels } = config.config;
    const attributes = labels['org.opencontainers.image.title'].split('/');
    const key = keyOf({ attributes, system }, labels['org.opencontainers.image.revision']);
    const found = await findRecord(store, imageObject(key), imageRecordSchema, options);
    return found.kind === 'found' && found.value.digest === digest ? found.value : undefined;
  };
}
