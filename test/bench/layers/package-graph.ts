import { createHash } from 'node:crypto';
import { packagesIndexes, readPackages } from '../../../nix/debian/apt.ts';
import { choose } from '../../../nix/debian/choose.ts';
import { parseStanzas } from '../../../nix/debian/control.ts';
import { components } from '../../../nix/debian/graph.ts';
import { machineArchitecture } from '../../../nix/debian/machine.ts';
import { type DebianPackage, newest } from '../../../nix/debian/package.ts';
import { run } from '../../support/command.ts';

/** A package of the set, or several that depend on each other and are one store path. */
export interface GraphPackage {
  readonly name: string;
  readonly version: string;
  /** The source packages that it is made from: they change together. */
  readonly sources: readonly string[];
  /** About the length of the path's NAR. */
  readonly installedBytes: number;
  /** Length of the `.deb`, in bytes. */
  readonly debBytes: number;
  /** Positions of the packages that it refers to. */
  readonly depends: readonly number[];
  /** Whether every other package is built with it. */
  readonly essential: boolean;
}

export interface PackageGraph {
  /** Each after all that it depends on. */
  readonly packages: readonly GraphPackage[];
  /** Where a name stands; of several that are one path each name leads to it. */
  readonly byName: ReadonlyMap<string, number>;
  /** For each source package: how many updates the stable release has had of it. */
  readonly updates: ReadonlyMap<string, number>;
  /** Names, versions, sizes and dependencies, hashed: the same figures come from the same graph and seed. */
  readonly digest: string;
}

interface Sizes {
  readonly source: string;
  readonly installedBytes: number;
  readonly debBytes: number;
}

/** The graph of all of Debian's main, as this machine's apt knows it and as the package set in `nix/debian` has it. */
export async function readPackageGraph(): Promise<PackageGraph> {
  const indexes = await packagesIndexes(await machineArchitecture());
  const packages = newest(await readPackages(indexes));
  const sizes = new Map<string, Sizes>();
  for (const { file } of indexes) {
    const text = await run('/usr/lib/apt/apt-helper', ['cat-file', file]);
    for (const stanza of parseStanzas(text, new Set(['Package', 'Version', 'Source', 'Installed-Size', 'Size']))) {
      const [name = '', version = ''] = [stanza.get('Package'), stanza.get('Version')];
      sizes.set(`${name} ${version}`, {
        source: (stanza.get('Source') ?? name).split(' ')[0] ?? name,
        installedBytes: Number(stanza.get('Installed-Size') ?? 1) * 1024,
        debBytes: Number(stanza.get('Size') ?? 0),
      });
    }
  }
  return packageGraph(packages, ({ name, version }) => {
    const found = sizes.get(`${name} ${version}`);
    if (found === undefined) throw new Error(`apt does not say how large ${name} ${version} is`);
    return found;
  });
}

/** The graph of these packages. Dependency cycles are one package, named after the first. */
function packageGraph(
  debian: ReadonlyMap<string, DebianPackage>,
  sizesOf: (debian: DebianPackage) => Sizes,
): PackageGraph {
  const { depends } = choose(debian);
  const packages: GraphPackage[] = [];
  const byName = new Map<string, number>();
  const updates = new Map<string, number>();
  const hash = createHash('sha256');
  for (const names of components(depends)) {
    const members = names.map((name) => debian.get(name)).filter((one) => one !== undefined);
    const [first] = members;
    if (first === undefined) continue;
    for (const name of names) byName.set(name, packages.length);
    const sizes = members.map(sizesOf);
    members.forEach((member, index) => {
      const { source } = sizes[index] as Sizes;
      updates.set(source, Math.max(updates.get(source) ?? 0, updatesOf(member.version)));
    });
    const below = new Set(names.flatMap((name) => depends.get(name) ?? []).map((name) => byName.get(name)));
    below.delete(packages.length);
    const made: GraphPackage = {
      name: first.name,
      version: first.version,
      sources: [...new Set(sizes.map(({ source }) => source))],
      installedBytes: sum(sizes.map(({ installedBytes }) => installedBytes)),
      debBytes: sum(sizes.map(({ debBytes }) => debBytes)),
      depends: [...below].filter((index) => index !== undefined).sort((a, b) => a - b),
      essential: members.some(({ essential }) => essential),
    };
    hash.update(JSON.stringify(made));
    packages.push(made);
  }
  return { packages, byName, updates, digest: hash.digest('hex').slice(0, 16) };
}

/** `1.2-3+deb12u5` was updated five times since the release (Debian Developer's Reference, 5.8.5.4). */
export function updatesOf(version: string): number {
  return Number(/[+~]deb\d+u(\d+)/.exec(version)?.[1] ?? 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
