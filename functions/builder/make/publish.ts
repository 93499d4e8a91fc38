import { Readable } from 'node:stream';
import type { ImageLayer, LayerSources } from '../../layer/image-layers.ts';
import { publishBlob } from '../../storage/publish-blob.ts';
import type { PackageSource } from '../../nix/source.ts';
import { MediaType } from '../../oci/media-type.ts';
import { type Digest, digestOfBytes, hexOf } from '../../oci/digest.ts';
import { serialiseImageConfig } from '../../oci/image-config.ts';
import { serialiseManifest } from '../../oci/manifest.ts';
import { architectureOf } from '../../oci/platform.ts';
import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import { splitObjectKey } from '../../storage/object-key.ts';
import { findRecord, overwriteRecord, settleRecord } from '../../storage/record.ts';
import { imageObject, type ImageRecord, imageRecord, imageRecordSchema } from '../image.ts';
import type { ImageRequest } from '../image-request.ts';

/** An image of which all is made but config and manifest. */
export interface UnpublishedImage {
  /** See `ImageMaker.keyOf`. */
  readonly key: string;
  readonly request: ImageRequest;
  readonly source: Pick<PackageSource, 'origin'>;
  readonly revision: string;
  /** From the bottom to the top; in the store already. */
  readonly layers: readonly ImageLayer[];
  readonly sources: LayerSources;
  /** What a container runs when it is told nothing. */
  readonly command: readonly string[] | undefined;
  /** `NAME=value`, in order. */
  readonly environment: readonly string[];
  /** Keys of the packages' records. */
  readonly packages: readonly string[];
  readonly asked: NonNullable<ImageRecord['asked']>;
  /** Of the revision; see `RevisionTimes`. */
  readonly madeAtS: number | undefined;
}

/** Publishes images: config and manifest, then the two records. Resolves to the record that stands. */
export function imagePublisher(
  store: BlobStore,
): (image: UnpublishedImage, options: IoOptions) => Promise<ImageRecord> {
  async function put(bytes: Buffer, { signal }: IoOptions): Promise<Digest> {
    return (await publishBlob(store, Readable.from([bytes]), { signal })).digest;
  }

  async function settle(object: ReturnType<typeof imageObject>, record: ImageRecord, { signal }: IoOptions) {
    const found = await findRecord(store, object, imageRecordSchema, { signal });
    // The same image as before, of which less was recorded then.
    if (found.kind === 'found' && found.value.asked === undefined && found.value.digest === record.digest) {
      await overwriteRecord(store, object, record, found, { signal });
      return record;
    }
    return settleRecord(store, object, imageRecordSchema, record, found, { signal });
  }

  return async (
    { key, request, source, revision, layers, sources, command, environment, packages, asked, madeAtS },
    { signal },
  ) => {
    const config = serialiseImageConfig({
      architecture: architectureOf(request.system),
      diffIds: layers.map(({ diffId }) => diffId),
      env: environment,
      madeAtS,
      ...(command && { cmd: command }),
      labels: {
        'org.opencontainers.image.title': request.attributes.join('/'),
        'org.opencontainers.image.revision': revision,
        ...(source.origin !== undefined && { 'org.opencontainers.image.source': source.origin }),
      },
    });
    const configDigest = digestOfBytes(config);
    const descriptors = layers.map(({ descriptor }) => descriptor);
    const manifest = serialiseManifest({
      config: { mediaType: MediaType.config, digest: configDigest, size: config.length },
      layers: descriptors,
    });
    await Promise.all([put(config, { signal }), put(manifest.bytes, { signal })]);
    const record = imageRecord({
      key,
      revision,
      digest: manifest.digest,
      manifest: manifest.bytes.toString(),
      blobs: [configDigest, ...new Set(descriptors.map(({ digest }) => digest))],
      attributes: [...request.attributes],
      asked: [...asked],
      system: request.system,
      packages: [...packages],
      contents: sources.contents.map(({ path, key, digest }) => ({ path, name: splitObjectKey(key).name, digest })),
      joins: sources.joins.map((join) => splitObjectKey(join).name),
      fresh: [...sources.fresh],
    });
    // The digest first: whoever finds the image by its key asks for the digest next.
    await settle(imageObject(hexOf(manifest.digest)), record, { signal });
    return settle(imageObject(key), record, { signal });
  };
}
