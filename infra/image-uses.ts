import { IMAGE_LIST, ImageListError, type ListedImage, referenceTo } from './image-list.ts';

/** What names images of others, and where in it a reference stands. */
const REFERENCES = {
  'nix/Dockerfile': /(?<=^ARG BASE=)\S+/gm,
  'cloudbuild.yaml': /(?<=^ {4}name: )\S+/gm,
} as const;

/** A file that names images of others. */
export type UsingFile = keyof typeof REFERENCES;

export const USING_FILES = Object.keys(REFERENCES) as readonly UsingFile[];

/** The references that a file has, in its order. */
export function referencesIn(file: UsingFile, text: string): readonly string[] {
  return [...text.matchAll(REFERENCES[file])].map(([reference]) => reference);
}

/** The name in a reference: what stands before its digest and its tag. A colon before a slash is a port's. */
function nameIn(reference: string): string {
  return reference.replace(/@.*$/, '').replace(/:[^/]*$/, '');
}

/**
 * The file with each reference as the list has it.
 *
 * @throws ImageListError when it names an image that is not listed
 */
export function withListedReferences(file: UsingFile, text: string, images: readonly ListedImage[]): string {
  return text.replaceAll(REFERENCES[file], (reference) => {
    const image = images.find(({ name }) => name === nameIn(reference));
    if (image === undefined) throw new ImageListError(`${file} names ${reference}, which ${IMAGE_LIST} does not list`);
    return referenceTo(image);
  });
}

/**
 * What is not as it must be before a build: an image without a digest, one that nothing names, a reference that is not the
 * list's. A line for each; none when all is well.
 */
export function faultsOf(images: readonly ListedImage[], texts: Readonly<Record<UsingFile, string>>): string[] {
  const used = USING_FILES.flatMap((file) => referencesIn(file, texts[file]).map((reference) => ({ file, reference })));
  const listed = new Set(images.map(referenceTo));
  const names = new Set(used.map(({ reference }) => nameIn(reference)));
  return [
    ...images
      .filter(({ digest }) => digest === null)
      .map(({ name, tag }) => `${name}:${tag} has no digest yet: a tag can be another image tomorrow`),
    ...images
      .filter(({ name }) => !names.has(name))
      .map(({ name }) => `${name} is in ${IMAGE_LIST}, and nothing uses it`),
    ...used
      .filter(({ reference }) => !listed.has(reference))
      .map(({ file, reference }) => `${file} names ${reference}, which is not what ${IMAGE_LIST} has`),
  ];
}
