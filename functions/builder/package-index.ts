import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import { z } from 'zod';
import { type ListedPackage, listPackages } from '../nix/list-packages.ts';
import type { Nix } from '../nix/nix.ts';
import type { PackageSource } from '../nix/source.ts';
import type { System } from '../oci/platform.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { Leases } from '../storage/leases.ts';
import { objectKey } from '../storage/object-key.ts';
import { findRecord, keyHash, settleRecord } from '../storage/record.ts';
import { type PackageColumns, type PackageSearch, packageSearch } from './package-search.ts';
import type { ImageUnavailable } from './outcome.ts';
import type { PinOptions, Pins } from './pins.ts';

/** What can be searched at a reference. */
export type PackageIndex =
  | { readonly kind: 'ready'; readonly revision: string; readonly packages: PackageSearch }
  /** It is being made, here or at another instance: ask again. */
  | { readonly kind: 'making'; readonly revision: string }
  | { readonly kind: 'unavailable'; readonly message: string }
  | Extract<ImageUnavailable, { kind: 'reference-unknown' | 'busy' }>;

/** Indexes of packages: each is made once for a revision and a platform, and kept in the store. */
export interface PackageIndexes {
  /** At once but for the look into the store: an index that is not there is begun, and nobody waits for it. */
  at(reference: string, system: System, options?: PinOptions): Promise<PackageIndex>;
  /** Ends what is being made. */
  stop(): Promise<void>;
}

/** Version of the record and of its key. */
const FORMAT = 1;

/** `indexes/<key>`. */
export const packageIndexSchema = z.object({
  version: z.literal(FORMAT),
  revision: z.string(),
  names: z.string(),
  versions: z.string(),
  descriptions: z.string(),
  sizes: z.string(),
});

/** Indexes in memory: of Debian one takes some 30 MB. */
const MAX_INDEXES = 2;
/** Listings at once: each takes Nix seconds and hundreds of megabytes. */
const MAX_MAKING = 1;
/** Who waits for a listing asks again; more than these come another time. */
const MAX_WAITING = 8;
/** To list all of a large package set, in milliseconds. */
const MAKE_TIMEOUT_MS = 10 * 60_000;
/** After a failure nobody tries for a minute. */
const FAILED_FOR_MS = 60_000;
/** A description is a line on a page. */
const MAX_TEXT_CHARACTERS = 200;

export function packageIndexes(world: {
  readonly store: BlobStore;
  readonly nix: Nix;
  readonly source: PackageSource;
  readonly pins: Pick<Pins, 'pin'>;
  readonly leases: Leases;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly nowMs?: () => number;
}): PackageIndexes {
  const { store, nix, source, log, nowMs = () => performance.now() } = world;
  const ready = new LRUCache<string, PackageSearch>({ max: MAX_INDEXES });
  const making = new Map<string, Promise<void>>();
  const failed = new LRUCache<string, { readonly message: string; readonly untilMs: number }>({ max: 100 });
  const stopped = new AbortController();
  const limit = pLimit(MAX_MAKING);
  const reading = new Map<string, Promise<PackageSearch | undefined>>();

  const keyOf = (revision: string, system: System) =>
    keyHash({ format: FORMAT, index: 'packages', source: source.identity, revision, system });

  async function read(key: string): Promise<PackageSearch | undefined> {
    const found = await findRecord(store, objectKey('indexes', key), packageIndexSchema, { signal: stopped.signal });
    if (found.kind !== 'found') return undefined;
    const packages = packageSearch(found.value);
    ready.set(key, packages);
    return packages;
  }

  /** Read once for all who ask at the same time: it is large. */
  function find(key: string): PackageSearch | undefined | Promise<PackageSearch | undefined> {
    const inMemory = ready.get(key);
    if (inMemory !== undefined) return inMemory;
    let running = reading.get(key);
    if (running === undefined) {
      running = read(key).finally(() => reading.delete(key));
      reading.set(key, running);
    }
    return running;
  }

  async function make(key: string, revision: string, system: System): Promise<void> {
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(MAKE_TIMEOUT_MS)]);
    const lease = await world.leases.take(key, { signal });
    // Another instance makes it, and whoever asks again finds it.
    if (lease === undefined) return;
    try {
      const startedMs = performance.now();
      const listed = await listPackages(nix, { source: source.at(revision), system }, { signal });
      await source.confirm(revision, { signal });
      const columns = columnsOf(listed);
      const object = objectKey('indexes', key);
      const before = await findRecord(store, object, packageIndexSchema, { signal });
      const record = { version: FORMAT, revision, ...columns } as const;
      await settleRecord(store, object, packageIndexSchema, record, before, { signal });
      const packages = packageSearch(columns);
      ready.set(key, packages);
      const durationMs = Math.round(performance.now() - startedMs);
      log.info({ revision, system, packages: packages.size, durationMs }, 'index of packages made');
    } finally {
      await lease.release();
    }
  }

  function begin(key: string, revision: string, system: System): void {
    if (making.has(key) || making.size >= MAX_WAITING || stopped.signal.aborted) return;
    const work = limit(() => make(key, revision, system))
      .catch((error: unknown) => {
        if (stopped.signal.aborted) return;
        log.warn({ err: error, revision, system }, 'the packages cannot be listed');
        const message = 'the packages of this revision cannot be listed; the log of the registry says why';
        failed.set(key, { message, untilMs: nowMs() + FAILED_FOR_MS });
      })
      .finally(() => making.delete(key));
    making.set(key, work);
  }

  return {
    async at(reference, system, options = {}) {
      const pin = await world.pins.pin(reference, options);
      if (pin.kind === 'unknown') return { kind: 'reference-unknown', message: pin.message };
      if (pin.kind === 'busy') return pin;
      const { revision } = pin;
      const key = keyOf(revision, system);
      const packages = await find(key);
      options.signal?.throwIfAborted();
      if (packages !== undefined) return { kind: 'ready', revision, packages };
      const failure = failed.get(key);
      if (failure !== undefined && nowMs() < failure.untilMs) return { kind: 'unavailable', message: failure.message };
      begin(key, revision, system);
      return { kind: 'making', revision };
    },
    async stop() {
      stopped.abort();
      await Promise.all(making.values());
    },
  };
}

/**
 * The name by which an image asks for an attribute: in lower case, and without the underscore before a digit, as resolving
 * finds it; undefined for one that no image's name can hold.
 */
function imageNamePart(attribute: string): string | undefined {
  const name = attribute.toLowerCase().replace(/^_(?=\d)/, '');
  return name.includes('/') ? undefined : parseRepositoryName(name);
}

function columnsOf(listed: readonly ListedPackage[]): PackageColumns {
  const byName = new Map<string, ListedPackage>();
  for (const one of listed) {
    const name = imageNamePart(one.attribute);
    // Resolving finds the exact name first.
    if (name !== undefined && (one.attribute === name || !byName.has(name))) byName.set(name, one);
  }
  const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1));
  const column = (of: (one: ListedPackage) => string | null) => sorted.map(([, one]) => line(of(one))).join('\n');
  return {
    names: sorted.map(([name]) => name).join('\n'),
    versions: column(({ version }) => version),
    descriptions: column(({ description }) => description),
    sizes: column(({ sizeBytes }) => (sizeBytes === null ? null : String(sizeBytes))),
  };
}

/** A text of others as one line. */
function line(text: string | null): string {
  return (text ?? '').replace(/\s+/g, ' ').trim().slice(0, MAX_TEXT_CHARACTERS);
}
