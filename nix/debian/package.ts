import { parseStanzas, type Stanza } from './control.ts';
import { parseRelations, satisfies, type Relation } from './relation.ts';
import { compareVersions } from './version.ts';

/** A binary package as an index of apt describes it. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** The .deb, below the repository's URI. */
  readonly file: string;
  /** The URI of the repository, with a slash at the end. */
  readonly repository: string;
  readonly sha256: string;
  /** Pre-Depends and Depends. */
  readonly depends: readonly (readonly Relation[])[];
  readonly provides: readonly Relation[];
  /** 0 (required) to 4 (extra). */
  readonly priority: number;
  /** Installed everywhere, so that others use it without saying so. */
  readonly essential: boolean;
  readonly section: string;
  readonly description: string;
  /** What it takes on a disk, as Debian estimates it; undefined where the index does not say. */
  readonly installedBytes: number | undefined;
}

const FIELDS: ReadonlySet<string> = new Set([
  'Package',
  'Version',
  'Filename',
  'SHA256',
  'Pre-Depends',
  'Depends',
  'Provides',
  'Priority',
  'Essential',
  'Section',
  'Description',
  'Installed-Size',
]);

/** Sections of packages that are wanted because of what people read (Debian Policy, 2.4). */
const SECTIONS_OF_DOCUMENTS: ReadonlySet<string> = new Set(['doc', 'localization']);

/** Whether who asks for it wants to read it. Some are in the section of what they describe. */
export function isDocumentation({ name, section }: DebianPackage): boolean {
  return SECTIONS_OF_DOCUMENTS.has(section) || /-(?:docs?|man|manual|l10n)$/.test(name);
}

const PRIORITIES: readonly string[] = ['required', 'important', 'standard', 'optional', 'extra'];

/** What maintainer scripts need, and nothing else does. They do not run when Nix makes an output of a package. */
const FOR_MAINTAINER_SCRIPTS: ReadonlySet<string> = new Set(['adduser', 'init-system-helpers', 'ucf']);

/** Essential for the installation of packages only: a script that asks dpkg would find no database in an image. */
const ESSENTIAL_FOR_INSTALLATION: ReadonlySet<string> = new Set([
  'base-files',
  'base-passwd',
  'dpkg',
  'init-system-helpers',
]);

/** The packages of one Packages index. */
export function* parsePackages(index: string, repository: string): Generator<DebianPackage, void, undefined> {
  for (const stanza of parseStanzas(index, FIELDS)) yield parsePackage(stanza, repository);
}

function parsePackage(stanza: Stanza, repository: string): DebianPackage {
  function required(field: string): string {
    const value = stanza.get(field);
    if (value === undefined)
      throw new Error(`${stanza.get('Package') ?? 'a package'} of ${repository} has no ${field}`);
    return value;
  }
  // A Pre-Depends on dpkg, and any dependency of an essential package on it, is about its installation.
  const essential = stanza.get('Essential') === 'yes';
  const priority = PRIORITIES.indexOf(stanza.get('Priority') ?? 'optional');
  return {
    name: required('Package'),
    version: required('Version'),
    file: required('Filename').replace(/^\.\//, ''),
    repository,
    sha256: required('SHA256'),
    depends: [
      ...parseRelations(stanza.get('Pre-Depends') ?? '').filter((group) => group[0]?.name !== 'dpkg'),
      ...parseRelations(stanza.get('Depends') ?? '').filter((group) => !(essential && group[0]?.name === 'dpkg')),
    ].filter(isForPrograms),
    provides: parseRelations(stanza.get('Provides') ?? '').flat(),
    priority: priority < 0 ? PRIORITIES.indexOf('optional') : priority,
    essential: essential && !ESSENTIAL_FOR_INSTALLATION.has(required('Package')),
    section: stanza.get('Section') ?? '',
    description: stanza.get('Description')?.split('\n')[0] ?? '',
    installedBytes: installedBytesOf(stanza.get('Installed-Size')),
  };
}

/** Debian counts in KiB (Debian Policy, 5.6.20). */
function installedBytesOf(size: string | undefined): number | undefined {
  return size !== undefined && /^\d+$/.test(size) ? Number(size) * 1024 : undefined;
}

/**
 * Whether programs need one of these, rather than the package's installation. Packages that ask questions while they
 * are configured depend on `debconf | debconf-2.0` (Debian Policy, 3.9.1). `dpkg` of before 2015 stands for what it
 * learned then to do for packages: triggers, the index of info files.
 */
function isForPrograms(group: readonly Relation[]): boolean {
  const [first] = group;
  if (first === undefined || FOR_MAINTAINER_SCRIPTS.has(first.name)) return false;
  if (first.name === 'dpkg' && first.constraint !== undefined) return !satisfies('1.17.99', first.constraint);
  return !group.some(({ name }) => name === 'debconf-2.0');
}

/** The newest version of each package, sorted by name. Of equal versions the first is taken. */
export function newest(packages: Iterable<DebianPackage>): ReadonlyMap<string, DebianPackage> {
  const found = new Map<string, DebianPackage>();
  for (const candidate of packages) {
    const known = found.get(candidate.name);
    if (known === undefined || compareVersions(candidate.version, known.version) > 0) {
      found.set(candidate.name, candidate);
    }
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}
