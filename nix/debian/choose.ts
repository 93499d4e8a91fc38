import type { DebianPackage } from './package.ts';
import { satisfies, type Relation } from './relation.ts';
import { UNDECLARED } from './undeclared.ts';

/** What each package needs: names of packages that exist, and the groups for which there is none. */
export interface Choices {
  readonly depends: ReadonlyMap<string, readonly string[]>;
  readonly unmet: ReadonlyMap<string, readonly string[]>;
  /**
   * Names that packages provide and no package has, each with the provider that is taken. Not those of Rust's crates:
   * they are 47,000 combinations of features and versions, which only Debian's own builds ask for.
   */
  readonly provided: ReadonlyMap<string, string>;
}

/**
 * Chooses one package for each group of alternatives: the first that is a package whose version fits; otherwise the
 * first that a package provides, and of its providers the one with the highest priority, then the first by name. The
 * choice depends on nothing but the packages.
 */
export function choose(packages: ReadonlyMap<string, DebianPackage>): Choices {
  const providers = sortedProviders(packages);
  const depends = new Map<string, readonly string[]>();
  const unmet = new Map<string, readonly string[]>();
  for (const debian of packages.values()) {
    const chosen = new Set(UNDECLARED.get(debian.name)?.filter((name) => packages.has(name)));
    const open: string[] = [];
    for (const group of debian.depends) {
      const name = real(group, packages) ?? virtual(group, providers);
      if (name === undefined) open.push(group.map((relation) => relation.name).join(' | '));
      else if (name !== debian.name) chosen.add(name);
    }
    depends.set(debian.name, [...chosen].sort());
    if (open.length > 0) unmet.set(debian.name, open);
  }
  const provided = new Map<string, string>();
  for (const [name, candidates] of providers) {
    const first = candidates[0];
    if (first === undefined || packages.has(name)) continue;
    if (packages.get(first.name)?.section !== 'rust') provided.set(name, first.name);
  }
  return { depends, unmet, provided };
}

interface Provider {
  readonly name: string;
  readonly priority: number;
  /** The version that is provided; none for most. */
  readonly version: string | undefined;
}

function sortedProviders(packages: ReadonlyMap<string, DebianPackage>): ReadonlyMap<string, readonly Provider[]> {
  const providers = new Map<string, Provider[]>();
  for (const { name, priority, provides } of packages.values()) {
    for (const provide of provides) {
      const list = providers.get(provide.name);
      const provider = { name, priority, version: provide.constraint?.version };
      if (list === undefined) providers.set(provide.name, [provider]);
      else list.push(provider);
    }
  }
  for (const list of providers.values()) list.sort((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1));
  return providers;
}

function real(group: readonly Relation[], packages: ReadonlyMap<string, DebianPackage>): string | undefined {
  return group.find(({ name, constraint }) => {
    const found = packages.get(name);
    return found !== undefined && satisfies(found.version, constraint);
  })?.name;
}

/** A constraint can only be met by a provider that says which version it provides (Debian Policy, 7.5). */
function virtual(group: readonly Relation[], providers: ReadonlyMap<string, readonly Provider[]>): string | undefined {
  for (const { name, constraint } of group) {
    const found = providers
      .get(name)
      ?.find(({ version }) => constraint === undefined || (version !== undefined && satisfies(version, constraint)));
    if (found !== undefined) return found.name;
  }
  return undefined;
}
