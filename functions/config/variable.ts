import { z } from 'zod/mini';

/** What a variable may hold. Each says in its message how it has to be. */

/** Anything. */
export const text = z.optional(z.string());

/** What a text matches. */
export const matching = (pattern: RegExp, message: string) => z.string().check(z.regex(pattern, message));

export const wholeNumber = (minimum: number, maximum: number) =>
  z.pipe(
    z.pipe(matching(/^\d+$/, `must be a whole number from ${minimum} to ${maximum}`), z.transform(Number)),
    z.number().check(z.gte(minimum, `must be at least ${minimum}`), z.lte(maximum, `must be at most ${maximum}`)),
  );
export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, `must be ${values.join(' or ')}`);

/** A list whose parts are separated by blanks, as in nix.conf. */
export const blankList = (part: RegExp, message: string) =>
  z.optional(
    z.pipe(
      z.pipe(
        z.string(),
        z.transform((list: string) => list.split(/\s+/).filter((one) => one !== '')),
      ),
      z.array(matching(part, message)),
    ),
  );

/** A list whose parts are separated by commas. */
export const commaList = (part: RegExp, message: string) =>
  z.optional(
    z.pipe(
      z.pipe(
        z.string(),
        z.transform((list: string) => list.split(',').map((one) => one.trim())),
      ),
      z.array(matching(part, message)),
    ),
  );
