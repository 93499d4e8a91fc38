import { type ClosureQuery, closureQuery } from '../../nix/closure/closure.ts';
import type { Nix, NixCall } from '../../nix/nix.ts';
import type { NixAhead } from '../../nix/ahead/ahead.ts';
import { type RefusedAttribute, resolve, type ResolveCall } from '../../nix/resolve/resolve.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import type { ObjectKey } from '../../storage/object-key.ts';
import { type FoundRecord, settleRecord } from '../../storage/record.ts';
import type { RememberedRecords } from '../../storage/remembered-records.ts';
import { describePackages } from './describe.ts';
import type { FindCall } from '../package-query.ts';
import { PackageDeniedError } from '../package-policy.ts';
import type { PackageQuery } from '../package-query.ts';
import { type AttributeRecord, namedRecord, packageRecordSchema, recordOf } from '../package-record.ts';
import { rememberedTrees } from './remembered-trees.ts';

/** What an attribute is, or why Nix would not say. */
export type PackageAnswer = AttributeRecord | RefusedAttribute;

/** Attributes of which nothing is known, and what was found where their records should be. */
export type MissingRecords = ReadonlyMap<string, FoundRecord<AttributeRecord>>;

/**
 * Asks Nix about attributes, builds what is found, and records the answers.
 *
 * @returns of each attribute that there is anything to say of
 * @throws what `resolve`, `describePackages` and the store throw; SourceError when the source is no longer at that revision
 */
export type AskNix = (
  query: PackageQuery,
  missing: MissingRecords,
  call: FindCall,
) => Promise<readonly PackageAnswer[]>;

export function askNix(world: {
  readonly store: BlobStore;
  readonly nix: Nix;
  readonly ahead?: NixAhead | undefined;
  readonly records: RememberedRecords<AttributeRecord>;
  /** Where an attribute's record lies. */
  readonly objectOf: (query: PackageQuery, attribute: string) => ObjectKey;
}): AskNix {
  const { store, nix, ahead, records, objectOf } = world;
  const remembered = rememberedTrees();

  async function ask(query: PackageQuery, missing: MissingRecords, call: FindCall): Promise<readonly PackageAnswer[]> {
    // What it will be asked is known at the end of the evaluation, which leaves the other processors idle.
    const waiting = call.builds === false ? undefined : ahead;
    const closures = waiting?.closureQuery(call) ?? closureQuery(nix, call);
    try {
      return await askWith(closures, query, missing, { ...call, ahead: waiting });
    } finally {
      await closures.close();
    }
  }

  async function askWith(
    closures: ClosureQuery,
    query: PackageQuery,
    missing: MissingRecords,
    call: FindCall & ResolveCall,
  ): Promise<readonly PackageAnswer[]> {
    const resolutions = await resolveIn(nix, query, [...missing.keys()], call).catch(async (error: unknown) => {
      if (error instanceof PackageDeniedError) {
        call.whenAnswered?.();
        await nameDenied(query, missing, error, call);
      }
      throw error;
    });
    call.whenAnswered?.();
    await query.source.confirm(query.revision, { signal: call.signal });

    // Nothing is built for an image that cannot be made.
    const asked = new Set(query.attributes);
    const complete = resolutions.every(({ kind, attribute }) => kind === 'found' || !asked.has(attribute));
    const found = complete ? resolutions.filter((one) => one.kind === 'found') : [];
    const described = new Map(
      (await describePackages(nix, found, closures, remembered, call)).map((record) => [record.attribute, record]),
    );

    const answers = await Promise.all(
      resolutions.map(async (resolution) => {
        const record = resolution.kind === 'found' ? described.get(resolution.attribute) : recordOf(resolution);
        if (record === undefined) {
          // An evaluation that failed is not remembered: it may be the machine's fault.
          return resolution.kind === 'evaluation-failed' ? resolution : undefined;
        }
        const before = missing.get(resolution.attribute) ?? { kind: 'absent' };
        const object = objectOf(query, resolution.attribute);
        const settled = await settleRecord(store, object, packageRecordSchema, record, before, {
          signal: call.signal,
          remembered: records,
        });
        // Another instance may not give what this one gives, and says no more of it.
        return settled.kind === 'named' ? record : settled;
      }),
    );
    return answers.filter((answer) => answer !== undefined);
  }

  /** So that nobody evaluates again what is not to be had: what it is called is enough to say so. */
  async function nameDenied(
    query: PackageQuery,
    missing: MissingRecords,
    { found }: PackageDeniedError,
    { signal }: NixCall,
  ): Promise<void> {
    await query.source.confirm(query.revision, { signal });
    await Promise.all(
      found.map((one) => {
        const object = objectOf(query, one.attribute);
        const before = missing.get(one.attribute) ?? { kind: 'absent' };
        return settleRecord(store, object, packageRecordSchema, namedRecord(one), before, { signal });
      }),
    );
  }

  return ask;
}

/** What attributes are in a package set at a revision. */
export function resolveIn(
  nix: Nix,
  { source, revision, system }: PackageQuery,
  attributes: readonly string[],
  call: ResolveCall,
): ReturnType<typeof resolve> {
  return resolve(nix, { source: source.at(revision), system, attributes }, call);
}
