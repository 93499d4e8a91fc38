import type { Tree } from '../layer/tree.ts';
import type { NixCall } from '../nix/nix.ts';
import type { PackageSource } from '../nix/source.ts';
import type { ClosurePath, StorePath } from '../nix/store-path.ts';
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

/** Trees that are known, each as soon as it is. */
export type ReadTrees = Map<StorePath, Tree>;

/** What a query may take, and who is told of it meanwhile. */
export type FindCall = NixCall & {
  /** Called when there is something that Nix has to be asked about. */
  readonly whenAsked?: (() => void) | undefined;
  /** Called when it has answered, whatever. */
  readonly whenAnswered?: (() => void) | undefined;
  /** False: packages that are not whole on this machine are not built, and not described. */
  readonly builds?: boolean | undefined;
  /**
   * Called when what had to be evaluated is whole on this machine, before anything of it is read: with the closure of that
   * and of what was recorded, and with the trees that are known, to which all that is read is added.
   */
  readonly whenClosure?: ((closure: readonly ClosurePath[], trees: ReadTrees) => Promise<void>) | undefined;
};
