import type { NamedPackage } from '../nix/nix.ts';

/** A package that somebody asked for, as the package set knows it. */
export interface PolicySubject {
  /** The attribute as the package set spells it, whatever the name asked for: `python3Packages.requests`. */
  readonly attributePath: string;
  /** What the package calls itself, without its version. */
  readonly packageName: string;
}

/** Two lists of patterns, in which `*` stands for any characters. */
export interface PackagePatterns {
  /** Nothing else is to be had; everything is when undefined. */
  readonly allow: readonly string[] | undefined;
  /** Is not to be had, also where the other list has it. */
  readonly deny: readonly string[];
}

/** What may be had from this registry. */
export interface PackagePolicy {
  /** A sentence that names every package that is not to be had; undefined when all are. Pure. */
  refusal(packages: readonly PolicySubject[]): string | undefined;
}

/** A package that was asked for is not to be had from this registry; nothing was built. */
export class PackageDeniedError extends Error {
  readonly code = 'PACKAGE_DENIED';
  override readonly name = 'PackageDeniedError';
  /** All that was found beside it, and itself. */
  readonly found: readonly NamedPackage[];

  constructor(message: string, found: readonly NamedPackage[]) {
    super(message);
    this.found = found;
  }
}

/**
 * The policy of two lists. What is allowed is compared with attributes exactly as they are spelt; what is denied
 * regardless of case, and also with what packages call themselves, since one package has many attributes: both err on
 * the side of refusing.
 */
export function packagePolicy({ allow, deny }: PackagePatterns): PackagePolicy {
  const denied = deny.map((pattern) => pattern.toLowerCase());
  const isDenied = (name: string) => denied.some((pattern) => matches(pattern, name.toLowerCase()));

  function sentenceOf({ attributePath, packageName }: PolicySubject): string | undefined {
    if (isDenied(attributePath) || isDenied(packageName)) {
      return `${attributePath} may not be pulled from this registry`;
    }
    if (allow?.some((pattern) => matches(pattern, attributePath)) === false) {
      return `${attributePath} is not among the packages that may be pulled from this registry`;
    }
    return undefined;
  }

  return {
    refusal(packages) {
      const sentences = new Set(packages.map(sentenceOf).filter((sentence) => sentence !== undefined));
      return sentences.size === 0 ? undefined : [...sentences].join('; ');
    },
  };
}

/**
 * Keeps Nix from building what is not to be had.
 *
 * @param always attributes that images hold without being asked for them
 * @returns what throws PackageDeniedError
 */
export function admitBy(policy: PackagePolicy, always: readonly string[]): (found: readonly NamedPackage[]) => void {
  return (found) => {
    const message = policy.refusal(found.filter(({ attribute }) => !always.includes(attribute)).map(subjectOf));
    if (message !== undefined) throw new PackageDeniedError(message, found);
  };
}

/** What a policy goes by, of what Nix found and of what was recorded. */
export function subjectOf(one: Pick<NamedPackage, 'attributePath' | 'name' | 'version'>): PolicySubject {
  return { attributePath: one.attributePath, packageName: nameWithoutVersion(one.name, one.version) };
}

/** `hello` of `hello-2.10`: what nixpkgs calls `pname`. */
export function nameWithoutVersion(name: string, version: string | null): string {
  if (version !== null && name.endsWith(`-${version}`)) return name.slice(0, -version.length - 1);
  return name.replace(/-\d.*$/, '');
}

/** Whether a text is what a pattern stands for. A regular expression would take for ever with many `*` in it. */
function matches(pattern: string, text: string): boolean {
  const [start = '', ...behind] = pattern.split('*');
  const end = behind.pop();
  if (end === undefined) return text === pattern;
  let at = start.length;
  if (!text.startsWith(start)) return false;
  for (const part of behind) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - end.length >= at && text.endsWith(end);
}
