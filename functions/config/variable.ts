import { z } from 'zod';

/** What a variable may hold. Each says in its message how it has to be. */

/** Anything. */
export const text = z.string().optional();

export const wholeNumber = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${minimum} to ${maximum}`)
    .transform(Number)
    .pipe(z.number().min(minimum, `must be at least ${minimum}`).max(maximum, `must be at most ${maximum}`));

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, `must be ${values.join(' or ')}`);

/** A list whose parts are separated by blanks, as in nix.conf. */
export const blankList = (part: RegExp, message: string) =>
  z
    .string()
    .transform((list) => list.split(/\s+/).filter((one) => one !== ''))
    .pipe(z.array(z.string().regex(part, message)))
    .optional();
