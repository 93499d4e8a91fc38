import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { BlobStore, Generation, IoOptions } from './blob-store.ts';
import { type ObjectKey, objectKey } from './object-key.ts';
import { findRecord } from './record.ts';
import { recordBytes } from './record-proof.ts';

/**
 * The right to make something: of all instances over one store, one makes an image, or packs a large store path, and the
 * others wait for it.
 *
 * No clock is compared with another's. The holder changes its record every few seconds; whoever sees the same generation
 * for a whole lease, by its own clock, knows that the holder is gone and takes its place.
 */
export interface Leases {
  /**
   * The lease, or undefined while another holds it: try again in a moment. An abort is not heeded any more once it is being
   * taken, so that none is left without a holder: who has it looks at the signal.
   */
  take(key: string, options?: IoOptions): Promise<Lease | undefined>;
}

export interface Lease {
  /** Ends the lease, so that others need not wait for its end. Where it cannot be given back, that is logged. */
  release(): Promise<void>;
}

/** How long a lease holds after its last renewal. */
const LEASE_MS = 15_000;
/** Three renewals may be lost before another takes over. */
const RENEW_MS = 4_000;
/** Observed leases that are remembered; one is forgotten when it is taken or gone. */
const MAX_OBSERVED = 10_000;

/** `locks/<key>`. */
export const leaseSchema = z.object({ version: z.literal(1), holder: z.string(), renewal: z.number() });

export function leases(world: {
  readonly store: BlobStore;
  readonly log: Pick<Logger, 'warn'>;
  readonly leaseMs?: number;
  readonly renewMs?: number;
  /** A clock that never goes back. */
  readonly nowMs?: () => number;
}): Leases {
  const { store, log, leaseMs = LEASE_MS, renewMs = RENEW_MS, nowMs = () => performance.now() } = world;
  const observed = new Map<string, { generation: Generation; sinceMs: number }>();

  const bytesOf = (object: ObjectKey, holder: string, renewal: number) =>
    recordBytes(object, { version: 1, holder, renewal });

  function hold(key: string, holder: string): Lease {
    const object = objectKey('locks', key);
    const released = new AbortController();
    const { signal } = released;

    /** The record's generation while it is ours. */
    async function ours(): Promise<Generation | undefined> {
      const found = await findRecord(store, object, leaseSchema);
      return found.kind === 'found' && found.value.holder === holder ? found.generation : undefined;
    }

    async function renewForEver(): Promise<void> {
      for (let renewal = 1; ; renewal++) {
        await sleep(renewMs, undefined, { signal, ref: false });
        try {
          const generation = await ours();
          if (
            generation !== undefined &&
            (await store.replaceRecord(object, bytesOf(object, holder, renewal), generation))
          )
            continue;
          // This process stood still for a whole lease. Two makers of one thing are a waste, and nothing worse.
          log.warn({ object }, 'a lease was taken over while its holder lived');
          return;
        } catch (error) {
          log.warn({ object, err: error }, 'a lease could not be renewed: it is tried again until it is over');
        }
      }
    }

    // Nothing but the end of its sleep ends it with an error.
    const renewing = renewForEver().catch(() => undefined);
    return {
      async release() {
        released.abort();
        await renewing;
        try {
          const generation = await ours();
          if (generation !== undefined) await store.delete(object, { generation });
        } catch (error) {
          log.warn({ object, err: error }, 'a lease could not be given back: others wait until it is over');
        }
      },
    };
  }

  return {
    async take(key, options = {}) {
      const object = objectKey('locks', key);
      const holder = randomUUID();
      const found = await findRecord(store, object, leaseSchema, options);
      if (found.kind === 'absent') {
        observed.delete(key);
        return (await store.createRecord(object, bytesOf(object, holder, 0))) ? hold(key, holder) : undefined;
      }
      const before = observed.get(key);
      if (before?.generation !== found.generation) {
        if (observed.size >= MAX_OBSERVED) observed.clear();
        observed.set(key, { generation: found.generation, sinceMs: nowMs() });
        return undefined;
      }
      if (nowMs() - before.sinceMs < leaseMs) return undefined;
      observed.delete(key);
      const taken = await store.replaceRecord(object, bytesOf(object, holder, 0), found.generation);
      if (taken) log.warn({ object }, 'the lease of a holder that is gone was taken over');
      return taken ? hold(key, holder) : undefined;
    },
  };
}
