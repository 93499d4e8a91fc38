/**
 * Compares two Debian versions as dpkg does: epoch, then upstream version, then revision; `~` sorts before everything,
 * the end of the string included. Negative, zero or positive as for `Array.sort`.
 *
 * @see deb-version(7), and verrevcmp() in dpkg's lib/dpkg/version.c
 */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const left = split(a);
  const right = split(b);
  return (
    left.epoch - right.epoch ||
    compareParts(left.upstream, right.upstream) ||
    compareParts(left.revision, right.revision)
  );
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const hyphen = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: hyphen < 0 ? rest : rest.slice(0, hyphen),
    revision: hyphen < 0 ? '' : rest.slice(hyphen + 1),
  };
}

/** Compares by turns a run of other characters, letters before non-letters, and a run of digits as a number. */
function compareParts(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const difference = weight(a, i) - weight(b, j);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    while (a[i] === '0') i++;
    while (b[j] === '0') j++;
    const start = i;
    const other = j;
    while (isDigit(a, i)) i++;
    while (isDigit(b, j)) j++;
    if (i - start !== j - other) return i - start - (j - other);
    const left = a.slice(start, i);
    const right = b.slice(other, j);
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

function isDigit(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code >= 48 && code <= 57;
}

/** The end and digits are 0, `~` is before them, letters come next, everything else after the letters. */
function weight(text: string, index: number): number {
  if (index >= text.length || isDigit(text, index)) return 0;
  const code = text.charCodeAt(index);
  if (text[index] === '~') return -1;
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122) ? code : code + 256;
}
