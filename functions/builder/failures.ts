import type { Logger } from 'pino';
import { z } from 'zod';
import type { BlobStore, IoOptions } from '../storage/blob-store.ts';
import { objectKey } from '../storage/object-key.ts';
import { findRecord, overwriteRecord } from '../storage/record.ts';
import type { ImageUnavailable, PackagesDenied } from './outcome.ts';

/** Why images could not be made, for a minute: clients try again at once, and no instance shall build for them again. */
export interface Failures {
  /** Undefined when the image did not fail lately. */
  find(key: string, options?: IoOptions): Promise<ImageUnavailable | undefined>;
  /** What is denied here may be allowed at another instance, or after a restart: it is not remembered. */
  add(key: string, failure: Exclude<ImageUnavailable, PackagesDenied>, options?: IoOptions): Promise<void>;
}

/** How long a failure is remembered. */
const FAILURE_FOR_MS = 60_000;

const named = z.object({ attribute: z.string() });
/** `failures/<key>`. */
export const failureSchema = z.object({
  version: z.literal(1),
  untilMs: z.number(),
  failure: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('reference-unknown'), message: z.string() }),
    z.object({
      kind: z.literal('packages-unavailable'),
      unknown: z.array(named.extend({ nearMatches: z.array(z.string()) })),
      refused: z.array(named.extend({ message: z.string() })),
    }),
    z.object({ kind: z.literal('build-failed'), message: z.string(), logTail: z.array(z.string()) }),
    z.object({ kind: z.literal('out-of-time'), message: z.string() }),
    z.object({ kind: z.literal('busy'), message: z.string(), retryAfterSeconds: z.number() }),
  ]),
});

export function failures(store: BlobStore, log: Pick<Logger, 'warn'>, nowMs: () => number = Date.now): Failures {
  const objectOf = (key: string) => objectKey('failures', key);
  return {
    async find(key, options = {}) {
      const found = await findRecord(store, objectOf(key), failureSchema, options);
      if (found.kind === 'broken')
        log.warn({ object: objectOf(key), reason: found.reason }, 'a broken record is ignored');
      if (found.kind !== 'found') return undefined;
      const leftMs = found.value.untilMs - nowMs();
      // One that holds longer than any can comes from a clock that is wrong.
      return leftMs > 0 && leftMs <= FAILURE_FOR_MS ? found.value.failure : undefined;
    },
    async add(key, failure, options = {}) {
      const found = await findRecord(store, objectOf(key), failureSchema, options);
      const record = { version: 1, untilMs: nowMs() + FAILURE_FOR_MS, failure };
      await overwriteRecord(store, objectOf(key), record, found, options);
    },
  };
}
