import { z } from 'zod';
import { type Digest, parseDigest } from './digest.ts';

/** A digest in a record. */
export const digestSchema: z.ZodType<Digest> = z.custom<Digest>(
  (json) => typeof json === 'string' && parseDigest(json) !== undefined,
  'not a digest',
);

/** A length or an offset in a record. */
export const bytesSchema: z.ZodType<number> = z.int().nonnegative();
