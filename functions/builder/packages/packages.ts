import type { Nix, NixCall } from '../../nix/nix.ts';
import type { NixAhead } from '../../nix/ahead/ahead.ts';
import { realise } from '../../nix/realise/realise.ts';
import type { ClosurePath } from '../../nix/store-path.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { findRecord, type FoundRecord } from '../../storage/record.ts';
import { rememberedRecords } from '../../storage/remembered-records.ts';
import { askNix, type PackageAnswer, resolveIn } from './ask-nix.ts';
import type { FindCall } from '../package-query.ts';
import type { PackagesUnavailable } from '../outcome.ts';
import { PackageDeniedError } from '../package-policy.ts';
import { attributesOf, type PackageQuery } from '../package-query.ts';
import {
  type AttributeRecord,
  type KnownPackage,
  packageKey,
  packageObject,
  type PackageRecord,
  packageRecordSchema,
} from '../package-record.ts';
import { unionOf } from '../../nix/closure/closure.ts';
import { settlePaths } from './settle-paths.ts';

/** Of records of packages: two or three shells', which take ten times as much when they are parsed. */
const MAX_REMEMBERED_BYTES = 2_000_000;

/** The packages of an image at one revision, or why they are not to be had. */
export type Packages =
  | {
      readonly kind: 'packages';
      /** In the order that was asked for. */
      readonly packages: readonly KnownPackage[];
      /** How many had to be evaluated. */
      readonly evaluated: number;
    }
  | PackagesUnavailable;

/** Finds out what attributes are, from records where there are any and from Nix where not. */
export interface PackageFinder {
  /** The key hashes of all attributes of a query, in their order. Pure. */
  keysOf(query: PackageQuery): readonly string[];
  find(query: PackageQuery, call: FindCall): Promise<Packages>;
  /**
   * Finds out what these are before anybody asks, and records it, where all of them are on this machine. Nothing is built,
   * and what was prepared is left to who asks.
   *
   * @throws what `find` throws
   */
  findBuilt(query: PackageQuery, call: NixCall): Promise<void>;
  /** Has Nix begin to evaluate these, so that what is asked for next at this revision and system is found sooner. */
  prepare(query: PackageQuery): void;
  /** Makes every store path of these packages be in the local store, building what is not. */
  realise(query: PackageQuery, attributes: readonly string[], call: NixCall): Promise<void>;
}

export function packageFinder(world: {
  readonly store: BlobStore;
  readonly nix: Nix;
  readonly ahead?: NixAhead | undefined;
  /** See `expressionsDigest`. */
  readonly expressions: string;
}): PackageFinder {
  const { store, nix, ahead, expressions } = world;
  const records = rememberedRecords<AttributeRecord>(MAX_REMEMBERED_BYTES);

  const keyOf = ({ source, revision, system }: PackageQuery, attribute: string) =>
    packageKey({ expressions, source: source.identity, revision, system, attribute });
  const objectOf = (query: PackageQuery, attribute: string) => packageObject(keyOf(query, attribute));
  const ask = askNix({ store, nix, ahead, records, objectOf });

  const packages: PackageFinder = {
    keysOf: (query) => attributesOf(query).map((attribute) => keyOf(query, attribute)),

    async find(query, call) {
      const attributes = attributesOf(query);
      const missing = new Map<string, FoundRecord<AttributeRecord>>();
      const known = new Map<string, PackageAnswer>();
      await Promise.all(
        attributes.map(async (attribute) => {
          const object = objectOf(query, attribute);
          const record = await findRecord(store, object, packageRecordSchema, {
            signal: call.signal,
            remembered: records,
          });
          if (record.kind !== 'found') missing.set(attribute, record);
          else if (record.value.kind !== 'named') known.set(attribute, record.value);
          else
            missing.set(attribute, { kind: 'broken', reason: 'only its name is known', generation: record.generation });
        }),
      );
      if (missing.size > 0) {
        // Nothing is asked or built for an image of which it is known that it cannot be made.
        const before = conclude(query, attributes, known, 0, keyOf);
        if (before.kind !== 'packages') return before;
        call.whenAsked?.();
        // One order, so that equal requests make equal evaluations.
        const ordered = new Map(
          attributes.flatMap((name) =>
            missing.has(name) ? [[name, missing.get(name) as FoundRecord<AttributeRecord>]] : [],
          ),
        );
        const recorded = attributes.flatMap((name) => closuresIn(known.get(name)));
        // An image's layers are planned from all of its closure.
        const whenClosure: FindCall['whenClosure'] = (closure, trees) =>
          call.whenClosure?.(unionOf([...recorded, closure]), trees) ?? Promise.resolve();
        for (const answer of await ask(query, ordered, { ...call, whenClosure })) known.set(answer.attribute, answer);
      }
      const found = conclude(query, attributes, known, missing.size, keyOf);
      if (found.kind !== 'packages') return found;
      const isRecorded = ({ attribute }: PackageRecord): boolean => !missing.has(attribute);
      return { ...found, packages: await settlePaths(store, found.packages, { isRecorded, signal: call.signal }) };
    },

    async findBuilt(query, call) {
      try {
        await packages.find(query, { ...call, builds: false });
      } catch (error) {
        // Nobody will get them.
        if (!(error instanceof PackageDeniedError)) throw error;
      }
    },

    prepare(query) {
      const { source, revision, system } = query;
      if (source.isFixed) ahead?.begin({ source: source.at(revision), system, attributes: attributesOf(query) });
    },

    async realise(query, attributes, call) {
      const found = (await resolveIn(nix, query, attributes, call)).filter((one) => one.kind === 'found');
      await realise(
        nix,
        found.flatMap((one) => one.outputs),
        call,
      );
    },
  };
  return packages;
}

function closuresIn(answer: PackageAnswer | undefined): readonly (readonly ClosurePath[])[] {
  return answer?.kind === 'package' ? [answer.closure] : [];
}

function conclude(
  query: PackageQuery,
  attributes: readonly string[],
  known: ReadonlyMap<string, PackageAnswer>,
  evaluated: number,
  keyOf: (query: PackageQuery, attribute: string) => string,
): Packages {
  const asked = new Set(query.attributes);
  const packages: KnownPackage[] = [];
  const unknown: PackagesUnavailable['unknown'][number][] = [];
  const refused: PackagesUnavailable['refused'][number][] = [];
  for (const attribute of attributes) {
    const answer = known.get(attribute);
    if (answer?.kind === 'package') packages.push({ key: keyOf(query, attribute), record: answer });
    else if (answer === undefined || answer.kind === 'named' || !asked.has(attribute)) continue;
    else if (answer.kind === 'not-found') unknown.push({ attribute, nearMatches: answer.nearMatches });
    else refused.push({ attribute, message: answer.message });
  }
  return unknown.length > 0 || refused.length > 0
    ? { kind: 'packages-unavailable', unknown, refused }
    : { kind: 'packages', packages, evaluated };
}
