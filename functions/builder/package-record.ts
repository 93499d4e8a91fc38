import { z } from 'zod';
import { treeSchema } from '../layer/tree-schema.ts';
import type { NamedPackage } from '../nix/nix.ts';
import type { RefusedAttribute, UnknownAttribute } from '../nix/resolve/resolve.ts';
import { type ClosurePath, storePathSchema } from '../nix/store-path.ts';
import type { System } from '../oci/platform.ts';
import { objectKey } from '../storage/object-key.ts';
import { keyHash } from '../storage/record.ts';

/** Version of the record and of its key. A change makes every package be looked up anew. */
const FORMAT = 2;

/** Versions that a store may hold: 1 listed outputs and what they propagate alone. It lies under other keys. */
const formatSchema = z.union([z.literal(FORMAT), z.literal(1)]);

const closurePathSchema: z.ZodType<ClosurePath> = z.object({
  path: storePathSchema,
  narHash: z.string(),
  narSizeBytes: z.number().int().nonnegative(),
  references: z.array(storePathSchema),
});

/** What is known of an attribute at a revision, so that an image with it can be composed without Nix. */
export const packageRecordSchema = z.discriminatedUnion('kind', [
  z.object({
    version: formatSchema,
    kind: z.literal('package'),
    attribute: z.string(),
    /** How the package set spells it. */
    attributePath: z.string(),
    name: z.string(),
    packageVersion: z.string().nullable(),
    mainProgram: z.string().nullable(),
    /** As in nixpkgs: the lower number wins a collision. */
    priority: z.number().int().nullable(),
    outputs: z.array(storePathSchema).min(1),
    /** What the outputs want beside them, nearest first. */
    propagated: z.array(storePathSchema),
    /** What lies in the outputs, in what they propagate, and in the store paths to whose directories links lead from there. */
    trees: z.record(storePathSchema, treeSchema),
    closure: z.array(closurePathSchema).min(1),
  }),
  /** What was evaluated and not built, since it is not to be had from here: what it is called decides that. */
  z.object({
    version: formatSchema,
    kind: z.literal('named'),
    attribute: z.string(),
    attributePath: z.string(),
    name: z.string(),
    packageVersion: z.string().nullable(),
  }),
  z.object({
    version: formatSchema,
    kind: z.literal('not-found'),
    attribute: z.string(),
    nearMatches: z.array(z.string()),
  }),
  z.object({
    version: formatSchema,
    kind: z.enum(['package-set', 'not-a-package', 'unfree', 'broken', 'insecure', 'unsupported']),
    attribute: z.string(),
    message: z.string(),
  }),
]);

export type AttributeRecord = z.infer<typeof packageRecordSchema>;
export type PackageRecord = Extract<AttributeRecord, { kind: 'package' }>;
/** What says what a package is called. */
export type NamedRecord = Extract<AttributeRecord, { kind: 'package' | 'named' }>;

/** A package's record, and the key hash that it has. */
export interface KnownPackage {
  readonly key: string;
  readonly record: PackageRecord;
}

/** What decides what an attribute means. */
export interface PackageIdentity {
  /** See `expressionsDigest`. */
  readonly expressions: string;
  /** See `PackageSource.identity`. */
  readonly source: Readonly<Record<string, string>>;
  readonly revision: string;
  readonly system: System;
  readonly attribute: string;
}

/** The key hash of an attribute's record; also part of the keys of the images that it is in. */
export function packageKey(identity: PackageIdentity): string {
  const { expressions, source, revision, system, attribute } = identity;
  return keyHash({ format: FORMAT, expressions, source, revision, system, attribute });
}

export function packageObject(key: string) {
  return objectKey('packages', key);
}

/** A package's record as it is made: its version is this program's. */
export function packageRecord(fields: Omit<PackageRecord, 'version' | 'kind'>): PackageRecord {
  return { version: FORMAT, kind: 'package', ...fields };
}

/** The record of a package of which no more is known than what it is called. */
export function namedRecord({ attribute, attributePath, name, version }: NamedPackage): AttributeRecord {
  return { version: FORMAT, kind: 'named', attribute, attributePath, name, packageVersion: version };
}

/** The record of an attribute that is no package; undefined for an outcome that is not to be remembered. */
export function recordOf(resolution: UnknownAttribute | RefusedAttribute): AttributeRecord | undefined {
  const { attribute } = resolution;
  if (resolution.kind === 'not-found') {
    return { version: FORMAT, kind: 'not-found', attribute, nearMatches: [...resolution.nearMatches] };
  }
  if (resolution.kind === 'evaluation-failed') return undefined;
  return { version: FORMAT, kind: resolution.kind, attribute, message: resolution.message };
}
