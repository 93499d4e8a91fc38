import type { PackageSource } from '../nix/source.ts';
import type { System } from '../oci/platform.ts';

/** Which packages are wanted, of which package set. */
export interface PackageQuery {
  readonly source: PackageSource;
  readonly revision: string;
  readonly system: System;
  readonly attributes: readonly string[];
  /** Attributes that every image holds where the package set has them: nobody asked for them, so nobody misses them. */
  readonly always: readonly string[];
}

/** All attributes of a query, each once, in its order. */
export function attributesOf({ attributes, always }: PackageQuery): readonly string[] {
  return [...new Set([...attributes, ...always])];
}
