import { choose, type Choices } from './choose.ts';
import { ESSENTIAL_PARTS } from './essential-parts.ts';
import { components, reachable } from './graph.ts';
import { type DebianPackage, isDocumentation } from './package.ts';

/** What the lock says of one package; default.nix reads it. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** Where the .deb is: an index into the repositories, and the rest of its URI. */
  readonly repository: number;
  readonly file: string;
  readonly sha256: string;
  readonly description: string;
  /** What it takes on a disk. */
  readonly installedBytes?: number;
  /** Who asks for it wants to read it: its documents belong to it. */
  readonly documents?: true;
  /** The numbers of the packages of a dependency cycle, made as one output. The first stands for all, and has their dependencies. */
  readonly group?: readonly number[];
  /** Numbers of packages, in the order of their names. */
  readonly depends?: readonly number[];
  /** Dependencies that no package of main meets: it cannot be installed. */
  readonly lacks?: readonly string[];
  /** How many of the essential packages its scripts can use: those that do not need this package themselves. */
  readonly level?: number;
  /** Parts of other packages that it needs, by those packages' numbers: places in their outputs. */
  readonly parts?: readonly LockedPart[];
}

export interface LockedPart {
  readonly of: number;
  readonly only: readonly string[];
}

/** A package's number, the name of another attribute, or a package's own files without what it depends on. */
export type Place = number | string | { readonly bare: string };

/** All that default.nix needs of one architecture. */
export interface Lock {
  readonly repositories: readonly string[];
  /** The numbers of the essential packages, each after those that it needs. */
  readonly essentials: readonly number[];
  readonly names: ReadonlyMap<string, Place>;
  /** A package's number is its place in this list. Those that many others need come first. */
  readonly packages: readonly LockedPackage[];
}

/**
 * Locks packages, with the attributes that lead to them: their names; the names that they provide; the aliases; and
 * for names with a `+`, which image names cannot have, the same with `x`. A package's own name comes before an alias,
 * and an alias before a name that is only provided.
 */
export function makeLock(
  packages: ReadonlyMap<string, DebianPackage>,
  aliases: Readonly<Record<string, string | { readonly bare: string }>>,
): Lock {
  const choices = choose(packages);
  const repositories = [...new Set([...packages.values()].map(({ repository }) => repository))].sort();
  const needs = withParts(choices);
  const essentials = essentialPackages(packages, choices, needs);
  const levels = essentialLevels(essentials, needs);
  const groups = groupsOf(choices);
  const order = neededFirst(packages, choices);
  const numbers = new Map(order.map(({ name }, number) => [name, number]));
  const numbersOf = (list: readonly string[]) => list.map((name) => numbers.get(name) ?? unknown(name));

  const locked = order.map((debian): LockedPackage => {
    const group = groups.get(debian.name);
    const level = levels.get(debian.name);
    const lacks = choices.unmet.get(debian.name);
    const parts = (ESSENTIAL_PARTS.get(debian.name) ?? []).flatMap(({ of, only }) => {
      const number = numbers.get(of);
      return number === undefined ? [] : [{ of: number, only }];
    });
    return {
      name: debian.name,
      version: debian.version,
      repository: repositories.indexOf(debian.repository),
      file: debian.file,
      sha256: debian.sha256,
      description: debian.description,
      ...(debian.installedBytes === undefined ? {} : { installedBytes: debian.installedBytes }),
      ...(isDocumentation(debian) ? { documents: true } : {}),
      ...(group === undefined ? {} : { group: numbersOf(group) }),
      ...(group === undefined || group[0] === debian.name
        ? { depends: numbersOf(dependsOf(group ?? [debian.name], choices.depends)) }
        : {}),
      ...(lacks === undefined ? {} : { lacks }),
      ...(level === undefined ? {} : { level }),
      ...(parts.length === 0 ? {} : { parts }),
    };
  });
  const names = new Map<string, Place>(numbers);
  addNames(names, aliases, choices.provided);
  return { repositories, essentials: numbersOf(essentials), names, packages: locked };
}

/** So that what one package needs lies in few files: most of what it needs, many others need too. */
function neededFirst(packages: ReadonlyMap<string, DebianPackage>, { depends }: Choices): readonly DebianPackage[] {
  const needed = new Map<string, number>();
  for (const list of depends.values()) for (const name of list) needed.set(name, (needed.get(name) ?? 0) + 1);
  const count = ({ name }: DebianPackage) => needed.get(name) ?? 0;
  return [...packages.values()].sort((a, b) => count(b) - count(a) || (a.name < b.name ? -1 : 1));
}

function unknown(name: string): never {
  throw new Error(`${name} was chosen, and is no package`);
}

/** What building each package takes: its dependencies, and those of the packages of which it needs a part. */
function withParts({ depends }: Choices): Needs {
  const needs = new Map(depends);
  for (const [name, parts] of ESSENTIAL_PARTS) {
    const own = depends.get(name);
    if (own !== undefined) needs.set(name, [...own, ...parts.flatMap(({ of }) => depends.get(of) ?? [])]);
  }
  return needs;
}

type Needs = ReadonlyMap<string, readonly string[]>;

/** The essential packages and the awk that they choose: the shell first, then those that need the fewest others. */
function essentialPackages(
  packages: ReadonlyMap<string, DebianPackage>,
  choices: Choices,
  needs: Needs,
): readonly string[] {
  const names = new Set([...packages.values()].filter(({ essential }) => essential).map(({ name }) => name));
  const awk = choices.provided.get('awk');
  if (awk !== undefined) names.add(awk);
  const size = new Map([...names].map((name) => [name, reachable(needs, name).size]));
  return [...names].sort(
    (a, b) =>
      Number(b === 'dash') - Number(a === 'dash') || (size.get(a) ?? 0) - (size.get(b) ?? 0) || (a < b ? -1 : 1),
  );
}

/**
 * For each package that an essential one needs: how many of the essential packages come before the first that needs
 * it. Building it with those and no others makes no cycle.
 */
function essentialLevels(essentials: readonly string[], needs: Needs): ReadonlyMap<string, number> {
  const levels = new Map<string, number>();
  for (const [index, essential] of essentials.entries()) {
    for (const name of reachable(needs, essential)) if (!levels.has(name)) levels.set(name, index);
  }
  return levels;
}

function groupsOf({ depends }: Choices): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, readonly string[]>();
  for (const component of components(depends)) {
    if (component.length > 1) for (const name of component) groups.set(name, component);
  }
  return groups;
}

function dependsOf(members: readonly string[], depends: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const all = new Set(members.flatMap((name) => depends.get(name) ?? []));
  for (const name of members) all.delete(name);
  return [...all].sort();
}

function addNames(
  names: Map<string, Place>,
  aliases: Readonly<Record<string, string | { readonly bare: string }>>,
  provided: ReadonlyMap<string, string>,
): void {
  for (const [alias, place] of Object.entries(aliases)) {
    if (!names.has(alias) && names.has(typeof place === 'string' ? place : place.bare)) names.set(alias, place);
  }
  for (const [name, provider] of provided) if (!names.has(name)) names.set(name, provider);
  for (const name of [...names.keys()].filter((each) => each.includes('+'))) {
    const plain = name.replaceAll('+', 'x');
    if (!names.has(plain)) names.set(plain, name);
  }
}
