import { z } from 'zod';
import type { Descriptor } from './descriptor.ts';
import { digestSchema } from './digest-schema.ts';
import { type Digest, digestOfBytes } from './digest.ts';
import { MediaType } from './media-type.ts';
import type { Architecture } from './platform.ts';

/** A manifest of an index, and which machines it is for (image-spec 1.1, image-index.md). */
export interface PlatformDescriptor extends Descriptor {
  /** Without a variant: every client finds an entry without one, whatever variant its machine has. */
  readonly platform: { readonly architecture: Architecture; readonly os: 'linux' };
}

/** An index as it was made, or as others read it. */
export const imageIndexSchema = z.object({
  manifests: z
    .array(z.object({ digest: digestSchema, platform: z.object({ architecture: z.enum(['amd64', 'arm64']) }) }))
    .min(1),
});

/** The index's bytes, the same for the same manifests: they stand in the order of their architectures' names. */
export function serialiseImageIndex(manifests: readonly PlatformDescriptor[]): {
  readonly digest: Digest;
  readonly bytes: Buffer;
} {
  const ordered = manifests.toSorted((a, b) => (a.platform.architecture < b.platform.architecture ? -1 : 1));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.index, manifests: ordered }));
  return { digest: digestOfBytes(bytes), bytes };
}
