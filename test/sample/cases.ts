import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Something that is done with an installed package, as a script for bash. */
export interface Case {
  readonly what: string;
  readonly script: string;
}

/** What came of a case. */
export interface Outcome {
  /** As the shell has it: 124 when it took too long. */
  readonly status: number;
  readonly printed: string;
}

/** Of each package the first programs alone: some have hundreds. */
const MAX_PROGRAMS = 4;
const TIMEOUT_SECONDS = 60;

/** The known uses, by package: `package: script`, whose further lines are indented. */
export function knownUses(): ReadonlyMap<string, string> {
  const text = readFileSync(join(import.meta.dirname, 'uses.txt'), 'utf8');
  const uses = new Map<string, string>();
  for (const [, name = '', script = ''] of text.matchAll(/^([a-z0-9.+-]+): (.*(?:\n .*)*)/gm)) uses.set(name, script);
  return uses;
}

/**
 * What can be run of a package that nobody wrote a use for: its programs, and its modules of Python, Perl, Ruby and
 * Node.js are loaded. Of what has none of these, the files have to be where Debian has them.
 *
 * @param files the package's files in Debian
 */
export function casesOf(files: readonly string[]): readonly Case[] {
  const programs = matches(files, /^(?:\/usr)?\/(?:s?bin|games)\/([\w.+-]+)$/);
  const found: Case[] = programs
    .slice(0, MAX_PROGRAMS)
    .flatMap((program) =>
      ['--version', '--help'].map((option) => ({ what: `${program} ${option}`, script: `${program} ${option}` })),
    );
  const modules: readonly (readonly [RegExp, (name: string) => string])[] = [
    [
      /^\/usr\/lib\/python3\/dist-packages\/([a-z]\w*)(?:\.py|\/__init__\.py)$/,
      (name) => `python3 -c 'import ${name}'`,
    ],
    [/^\/usr\/share\/perl5\/([A-Z][\w/]*)\.pm$/, (name) => `perl -M${name.replaceAll('/', '::')} -e 1`],
    [/^\/usr\/share\/nodejs\/([a-z][\w-]*)\/package\.json$/, (name) => `node -e 'require("${name}")'`],
    [/^\/usr\/lib\/ruby\/vendor_ruby\/([a-z]\w*)\.rb$/, (name) => `ruby -e 'require "${name}"'`],
  ];
  for (const [pattern, load] of modules) {
    for (const name of matches(files, pattern).slice(0, 1)) found.push({ what: load(name), script: load(name) });
  }
  const libraries = files.filter((file) => /\/lib\/[^/]+-linux-gnu\/[^/]+\.so\.\d+$/.test(file)).slice(0, 1);
  for (const library of libraries) {
    const script = `LD_BIND_NOW=1 /lib64/ld-linux-x86-64.so.2 --list ${library} | while read -r name arrow place _; do [ "$place" = not ] && echo "$name"; done; :`;
    found.push({ what: `libraries of ${library}`, script });
  }
  if (found.length > 0) return found;
  const seen = files.filter(
    (file) => !/^\/usr\/share\/(?:doc|man|info|locale|lintian|help|gtk-doc|doc-base)\//.test(file),
  );
  const script = `while read -r file; do [ -e "$file" ] || echo "$file"; done <<'END'\n${seen.slice(0, 2000).join('\n')}\nEND`;
  return [{ what: 'files', script }];
}

function matches(names: readonly string[], pattern: RegExp): readonly string[] {
  return [...new Set(names.flatMap((name) => pattern.exec(name)?.[1] ?? []))].sort();
}

/** One script that runs cases one after the other, each in a folder of its own, and prints what came of them. */
export function scriptOf(cases: readonly Case[]): string {
  const steps = cases
    .map(
      ({ script }) =>
        `cd "$(mktemp -d)" && printf %s ${quoted(Buffer.from(script).toString('base64'))} | base64 -d > "$T/case"\n` +
        `timeout ${TIMEOUT_SECONDS} bash "$T/case" < /dev/null > "$T/printed" 2>&1; echo "@@ $?"\n` +
        `head -c 20000 "$T/printed" | base64 -w 0; echo\n`,
    )
    .join('');
  return `T=\${TMPDIR:-/tmp}\n${steps}`;
}

/** What a script of cases printed. */
export function outcomesIn(printed: string): readonly Outcome[] {
  return [...printed.matchAll(/^@@ (\d+)\n(.*)$/gm)].map(([, status, text = '']) => ({
    status: Number(status),
    printed: Buffer.from(text, 'base64').toString(),
  }));
}

function quoted(text: string): string {
  return `'${text}'`;
}
