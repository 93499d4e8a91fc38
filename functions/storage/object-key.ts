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
  'platforms',
  'pins',
  'commits',
  'failures',
  'tags',
  'locks',
  'indexes',
  'builds',
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
  const key = parseObjectKey(area, name);
  if (key === undefined) throw new RangeError(`not a name for an object in ${area}/: ${JSON.stringify(name)}`);
  return key;
}

/** The key of what lies in `area` under `name`, or undefined when it is nothing that {@link objectKey} would name. */
export function parseObjectKey(area: Area, name: string): ObjectKey | undefined {
  return NAME.test(name) ? (`${area}/${name}` as ObjectKey) : undefined;
}

/** Whether the object is a blob; all others are records. */
export function isBlobKey(key: ObjectKey): boolean {
  return splitObjectKey(key).area === 'layers';
}

/** The area and the name that a key was made of. */
export function splitObjectKey(key: ObjectKey): { readonly area: Area; readonly name: string } {
  const slash = key.indexOf('/');
  return { area: key.slice(0, slash) as Area, name: key.slice(slash + 1) };
}
