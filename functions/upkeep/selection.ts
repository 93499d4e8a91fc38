import { parseImageName } from '../builder/image-request.ts';
import type { ImageRequest } from '../builder/image-request.ts';
import type { ImageRecord } from '../builder/image.ts';
import { COMMIT } from '../nix/source.ts';
import { type Digest, parseDigest } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';

/** Which images a person means. */
export type Selection =
  /** Those made for a name, at whatever revision. */
  | { readonly kind: 'name'; readonly request: ImageRequest }
  /** Those made of a package set at a revision. */
  | { readonly kind: 'revision'; readonly revision: string }
  /** Those with a manifest's digest. */
  | { readonly kind: 'digest'; readonly digest: Digest }
  | { readonly kind: 'invalid'; readonly message: string };

/** Reads a name, a revision (40 hexadecimal digits, which no package is called) or a digest. Pure. */
export function parseSelection(text: string): Selection {
  if (text.includes(':')) {
    const digest = parseDigest(text);
    if (digest !== undefined) return { kind: 'digest', digest };
    const problem = text.startsWith('sha') ? 'is not a digest: sha256: and 64 hexadecimal digits' : 'has a tag';
    const remedy = text.startsWith('sha') ? '' : '; name the image without it, or its revision, or its digest';
    return { kind: 'invalid', message: `${JSON.stringify(text)} ${problem}${remedy}` };
  }
  if (COMMIT.test(text)) return { kind: 'revision', revision: text };
  const repository = parseRepositoryName(text);
  if (repository === undefined) {
    return { kind: 'invalid', message: `${JSON.stringify(text)} is no image's name, no revision and no digest` };
  }
  const name = parseImageName(repository);
  return name.kind === 'invalid' ? name : { kind: 'name', request: name.request };
}

type Selected = Exclude<Selection, { kind: 'invalid' }>;

/** @param wider whether a name also means the images that hold more than its packages */
export function isSelected(selection: Selected, record: ImageRecord, wider: boolean): boolean {
  switch (selection.kind) {
    case 'name': {
      const { attributes, system } = selection.request;
      const has = new Set(record.attributes);
      return (
        record.system === system &&
        attributes.every((attribute) => has.has(attribute)) &&
        (wider || has.size === attributes.length)
      );
    }
    case 'revision':
      return record.revision === selection.revision;
    case 'digest':
      return record.digest === selection.digest;
    default:
      throw new RangeError(`no such selection: ${String(selection satisfies never)}`);
  }
}
