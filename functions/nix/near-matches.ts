/** How many names are offered for one that does not exist. */
const MAX_OFFERED = 5;

/** The names that are most like `wanted`, best first. A name that is further off than a third of its length is not offered. */
export function nearMatches(wanted: string, candidates: readonly string[]): string[] {
  const last = wanted.slice(wanted.lastIndexOf('.') + 1).toLowerCase();
  return candidates
    .map((name) => {
      const folded = name.toLowerCase();
      const edits = editDistance(last, folded);
      // A name that only goes on (nodejs: nodejs-18) is a better guess than its length says.
      return {
        name,
        distance: folded.startsWith(last) ? Math.min(edits, 1.5) : folded.includes(last) ? Math.min(edits, 2.5) : edits,
      };
    })
    .filter(({ distance }) => distance <= Math.max(1, last.length / 3) || (distance < 3 && last.length > 3))
    .sort((a, b) => a.distance - b.distance || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
    .slice(0, MAX_OFFERED)
    .map(({ name }) => name);
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, at(beforeLast, column - 2) + 1);
      }
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
