/**
 * How nixpkgs refuses a package that is unfree, broken, insecure or for other platforms, in its words until and since 2026
 * (pkgs/stdenv/generic/check-meta.nix, `handleEvalIssue`): the package, the file with its line, and why.
 */
const REFUSALS = [
  /Refusing to evaluate package '([^']+)' in \S+ because it (.+)$/,
  /Package ‘([^’]+)’ in \S+ (.+), refusing to evaluate/,
];

/**
 * The package that nixpkgs refuses while it evaluates another, and why, as part of a sentence; undefined when it failed for
 * another reason. What follows in nixpkgs' message is advice for who has the package set in a file of their own, and
 * where the file lies here.
 *
 * @param log the last lines that Nix printed
 */
export function refusedDependency(log: readonly string[]): string | undefined {
  for (const line of log) {
    for (const refusal of REFUSALS) {
      const [, name, why] = refusal.exec(line) ?? [];
      if (name !== undefined && why !== undefined) return `${name}, which ${why}`;
    }
  }
  return undefined;
}
