import { type NameRequest, parseImageName, type Systems } from '../builder/image-request.ts';
import type { ImageRecord } from '../builder/image.ts';
import { COMMIT } from '../nix/source.ts';
import { type Digest, parseDigest } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';

/** Which images a person means. */
export type Selection =
  /** Those made for a name, at whatever revision. */
  | { readonly kind: 'name'; readonly request: NameRequest }
  /** Those made of a package set at a revision. */
  | { readonly kind: 'revision'; readonly revision: string }
  /** That with a manifest's digest, or those that an index with this digest leads to. */
  | { readonly kind: 'digest'; readonly digest: Digest; readonly manifests?: readonly Digest[] }
  | { readonly kind: 'invalid'; readonly message: string };

/** Reads a name, a revision (40 hexadecimal digits, which no package is called) or a digest. Pure. @param systems of a name without a platform */
export function parseSelection(text: string, systems?: Systems): Selection {
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
  const name = parseImageName(repository, systems);
  return name.kind === 'invalid' ? name : { kind: 'name', request: name.request };
}

type Selected = Exclude<Selection, { kind: 'invalid' }>;

/** @param wider whether a name also means the images that hold more than its packages */
export function isSelected(selection: Selected, record: ImageRecord, wider: boolean): boolean {
  switch (selection.kind) {
    case 'name': {
      const { attributes, systems } = selection.request;
      const has = new Set(record.attributes);
      return (
        systems.includes(record.system) &&
        attributes.every((attribute) => has.has(attribute)) &&
        (wider || has.size === attributes.length)
      );
    }
    case 'revision':
      return record.revision === selection.revision;
    case 'digest':
      return record.digest === selection.digest || selection.manifests?.includes(record.digest) === true;
    default:
      throw new RangeError(`no such selection: ${String(selection satisfies never)}`);
  }
}
