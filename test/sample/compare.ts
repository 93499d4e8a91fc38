import type { Outcome } from './cases.ts';

/** What may differ between two runs of one program, or lies in other places in an image without a difference to people. */
const IRRELEVANT: readonly (readonly [RegExp, string])[] = [
  // A program's own path: what is below /usr in Debian has a store path here, and one link to it.
  [/\/nix\/store\/[0-9a-z]{32}-[^/\s:'"]+(?:\/nix-support)?/g, ''],
  [/\/usr(?=\/)/g, ''],
  [/\/(?:sbin|games)\//g, '/bin/'],
  [/\/tmp\/tmp\.\w+/g, '/tmp/x'],
  [/\d\d:\d\d:\d\d/g, 'time'],
  [/\bin \d+\.\d+s\b/g, 'in time'],
  [/\b0x[0-9a-f]{6,}\b/g, 'address'],
  [/\/lib64\//g, '/lib/'],
  // Docker gives a container without a network a name that nothing resolves.
  [/^AH00557: .*\n/gm, ''],
  [/(\/tmp\/case: line \d+: +)\d+ /g, '$1'],
];

/** How many lines of what is printed count: what comes later in a help text may speak of the machine. */
const LINES = 40;

/** What of an outcome is the same wherever a program works as it does in Debian. */
function essenceOf({ status, printed }: Outcome): string {
  let text = printed;
  for (const [pattern, replacement] of IRRELEVANT) text = text.replace(pattern, replacement);
  const lines = text.split('\n').map((line) => line.trimEnd());
  return `${status}\n${lines.slice(0, LINES).join('\n')}`;
}

/** Whether an image does what Debian does. */
export function isSame(debian: Outcome, image: Outcome): boolean {
  return essenceOf(debian) === essenceOf(image);
}
