import { z } from 'zod';
import { type Digest, parseDigest } from '../functions/oci/digest.ts';

/** The images of others that builds start from, beside what names them: the one place that is changed by hand. */
export const IMAGE_LIST = 'infra/images.json';

const digestSchema = z.string().transform((text, context): Digest => {
  const digest = parseDigest(text);
  if (digest !== undefined) return digest;
  context.addIssue('must be sha256: and 64 hexadecimal digits');
  return z.NEVER;
});

/** Without a digest nothing was renewed, and with one it is known when. */
const renewalSchema = z.union([
  z.object({ digest: z.null(), renewed: z.null() }),
  z.object({ digest: digestSchema, renewed: z.iso.date() }),
]);

const imageSchema = z
  .object({
    name: z.string().regex(/^[a-z0-9][a-z0-9._:/-]*$/, 'must be a name as docker pull takes it'),
    tag: z.string().regex(/^\w[\w.-]{0,127}$/, 'must be a tag'),
    purpose: z.string().min(1),
  })
  .and(renewalSchema);

/**
 * An image of others. `digest` is what its tag was on the day `renewed` (`YYYY-MM-DD`); both are null until its registry
 * was asked. `name` is as docker takes it: without a host it is Docker Hub's.
 */
export type ListedImage = z.infer<typeof imageSchema>;

/** The list is wrong, or what names images does not agree with it. The message has a line for each fault. */
export class ImageListError extends Error {
  readonly code = 'IMAGE_LIST';
  override readonly name = 'ImageListError';
}

/** @throws ImageListError */
export function parseImageList(text: string): readonly ListedImage[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ImageListError(`${IMAGE_LIST} is not JSON`, { cause });
  }
  const parsed = z.array(imageSchema).safeParse(value);
  if (!parsed.success) throw new ImageListError(`${IMAGE_LIST}: ${z.prettifyError(parsed.error)}`);
  const names = parsed.data.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ImageListError(`${IMAGE_LIST} lists ${twice} twice`);
  return parsed.data;
}

/** The list as its file has it. */
export function printImageList(images: readonly ListedImage[]): string {
  const rows = images.map(({ name, tag, digest, renewed, purpose }) => ({ name, tag, digest, renewed, purpose }));
  return `${JSON.stringify(rows, null, 2)}\n`;
}

/** What a build names the image by: its digest, or its tag while no digest is known. */
export function referenceTo({ name, tag, digest }: ListedImage): string {
  return digest === null ? `${name}:${tag}` : `${name}@${digest}`;
}
