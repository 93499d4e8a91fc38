import type { Descriptor } from './descriptor.ts';
import { MediaType } from './media-type.ts';
import { type Digest, digestOfBytes } from './digest.ts';

/** An image manifest (image-spec 1.1, manifest.md) as it was serialised, once: these bytes are hashed, stored and served. */
export interface SerialisedManifest {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Buffer;
}

/**
 * Serialises the manifest of an image.
 *
 * @param layers from the bottom to the top, in the order of the config's `rootfs.diff_ids`
 */
export function serialiseManifest(image: {
  config: Descriptor;
  layers: readonly Descriptor[];
  annotations?: Readonly<Record<string, string>>;
}): SerialisedManifest {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.manifest,
      config: image.config,
      layers: image.layers,
      ...(image.annotations && { annotations: image.annotations }),
    }),
  );
  return { mediaType: MediaType.manifest, digest: digestOfBytes(bytes), bytes };
}
