import { type Digest, parseDigest } from './digest.ts';

declare const repositoryBrand: unique symbol;
declare const tagBrand: unique symbol;

/** An image's name, made only by {@link parseRepositoryName}. */
export type RepositoryName = string & { readonly [repositoryBrand]: true };
/** A tag, made only by {@link parseTag}. */
export type Tag = string & { readonly [tagBrand]: true };
/** What stands behind `manifests/` (distribution-spec 1.1, "Pulling manifests"). */
export type Reference =
  { readonly kind: 'tag'; readonly tag: Tag } | { readonly kind: 'digest'; readonly digest: Digest };

/** Longest name that clients can use: docker refuses longer ones (distribution-spec 1.1, implementers' note). */
export const MAX_REPOSITORY_CHARACTERS = 255;

// distribution-spec 1.1, "Pulling manifests": <name> and <reference>.
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** The repository that `text` names, or undefined when it is outside the grammar. Its length is checked first. */
export function parseRepositoryName(text: string): RepositoryName | undefined {
  if (text.length === 0 || text.length > MAX_REPOSITORY_CHARACTERS) return undefined;
  return text.split('/').every((component) => COMPONENT.test(component)) ? (text as RepositoryName) : undefined;
}

/** The tag that `text` is, or undefined when it is none. */
export function parseTag(text: string): Tag | undefined {
  return TAG.test(text) ? (text as Tag) : undefined;
}

/** A tag or a digest, or undefined when `text` is neither. Whatever has a colon is meant as a digest. */
export function parseReference(text: string): Reference | undefined {
  if (text.includes(':')) {
    const digest = parseDigest(text);
    return digest && { kind: 'digest', digest };
  }
  const tag = parseTag(text);
  return tag && { kind: 'tag', tag };
}
