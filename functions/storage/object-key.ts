declare const keyBrand: unique symbol;

/** Where an object lies: `AREA/NAME`. Made only by {@link objectKey}, so no key leads out of a store. */
export type ObjectKey = `${Area}/${string}` & { readonly [keyBrand]: true };

/** What a store holds, one folder (or prefix) each; `uploads` is staging and belongs to the stores alone. */
export const AREAS = [
  'layers',
  'contents',
  'joins',
  'packages',
  'images',
  'pins',
  'failures',
  'tags',
  'locks',
] as const;
export type Area = (typeof AREAS)[number];

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,199}$/;

/**
 * The key of one object.
 *
 * @param name a hash or another name of letters, digits, dots, underscores and dashes, at most 200 characters
 * @throws RangeError for any other name: names are made by the program and never by a caller, so that is a defect
 */
export function objectKey(area: Area, name: string): ObjectKey {
  if (!NAME.test(name)) throw new RangeError(`not a name for an object in ${area}/: ${JSON.stringify(name)}`);
  return `${area}/${name}` as ObjectKey;
}
