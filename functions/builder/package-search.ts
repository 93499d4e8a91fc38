/** Packages as columns, one line for each: what an index is stored as, and what is quick to search. */
export interface PackageColumns {
  /** As an image's name has them, sorted. */
  readonly names: string;
  readonly versions: string;
  readonly descriptions: string;
  /** Decimal bytes. */
  readonly sizes: string;
}

/** A package that can be part of an image's name. Undefined is what its package set does not say. */
export interface IndexedPackage {
  /** As an image's name has it. */
  readonly name: string;
  readonly version: string | undefined;
  readonly description: string | undefined;
  /** Unpacked, without what it depends on. */
  readonly sizeBytes: number | undefined;
}

export interface SearchResult {
  /** How many packages match. */
  readonly total: number;
  /** The best of them, best first. */
  readonly packages: readonly IndexedPackage[];
}

/** The packages of one revision, searchable. */
export interface PackageSearch {
  readonly size: number;
  /** Packages whose name or description has every word of `query`; all of them, in their order, without a word. */
  search(query: string, limit: number): SearchResult;
  find(name: string): IndexedPackage | undefined;
  /** Names that begin or go on like this one, of which a person may have meant one. */
  like(name: string): readonly string[];
}

/** What a word in a query is worth where it is found; a package has the sum over all words. */
const WORTH = { exact: 1000, start: 400, word: 200, inside: 100, described: 20, mentioned: 10 };
const MAX_WORDS = 8;

/**
 * Searches without an object for each package: two long texts are scanned, and of 74,000 packages that takes some
 * milliseconds and 30 MB.
 */
export function packageSearch(columns: PackageColumns): PackageSearch {
  const names = lines(columns.names);
  const versions = lines(columns.versions);
  const descriptions = lines(columns.descriptions);
  const sizes = lines(columns.sizes);
  const inNames = scannable(columns.names);
  const inDescriptions = scannable(columns.descriptions.toLowerCase());

  function at(index: number): IndexedPackage {
    const size = sizes[index];
    return {
      name: names[index] ?? '',
      version: versions[index] || undefined,
      description: descriptions[index] || undefined,
      sizeBytes: size ? Number(size) : undefined,
    };
  }

  function indexOf(name: string): number {
    let [low, high] = [0, names.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((names[middle] ?? '') < name) low = middle + 1;
      else high = middle;
    }
    return names[low] === name ? low : -1;
  }

  /** Adds the worth of one word to every package that has it, and takes those out that do not. */
  function rate(word: string, worth: Uint16Array, isFirst: boolean): void {
    const own = new Uint16Array(names.length);
    const startOf = (name: string) => (name.length === word.length ? WORTH.exact : WORTH.start);
    if (word.length === 1) {
      // A single letter is nearly everywhere, and says nothing but at the start.
      for (let line = 0; line < names.length; line++) {
        const name = names[line] ?? '';
        if (name.startsWith(word)) own[line] = startOf(name);
      }
    } else {
      eachLineWith(inDescriptions, word, (line, startsWord) => {
        own[line] = startsWord ? WORTH.described : WORTH.mentioned;
      });
      eachLineWith(inNames, word, (line, startsWord) => {
        const name = names[line] ?? '';
        const isStart = startsWord && name.startsWith(word);
        const found = isStart ? startOf(name) : startsWord ? WORTH.word : WORTH.inside;
        own[line] = (own[line] ?? 0) + found;
      });
    }
    for (let line = 0; line < own.length; line++) {
      const part = own[line] ?? 0;
      const before = worth[line] ?? 0;
      worth[line] = part === 0 || (before === 0 && !isFirst) ? 0 : before + part;
    }
  }

  /** Of two that match alike, the one with the shorter name is the more likely. */
  function rankOf(index: number, worth: number): number {
    return worth - Math.min(9, (names[index] ?? '').length / 4);
  }

  return {
    size: names.length,

    search(query, limit) {
      const words = [...new Set(query.toLowerCase().split(/\s+/))].filter((word) => word !== '').slice(0, MAX_WORDS);
      if (words.length === 0) {
        return { total: names.length, packages: names.slice(0, limit).map((_, index) => at(index)) };
      }
      const worth = new Uint16Array(names.length);
      for (const [index, word] of words.entries()) rate(word, worth, index === 0);
      const best: { readonly index: number; readonly rank: number }[] = [];
      let total = 0;
      for (let index = 0; index < worth.length; index++) {
        const value = worth[index] ?? 0;
        if (value === 0) continue;
        total++;
        const rank = rankOf(index, value);
        const last = best.at(-1);
        if (best.length >= limit && last !== undefined && rank <= last.rank) continue;
        // Behind its equals, which come before it in the alphabet.
        const place = best.findIndex((other) => other.rank < rank);
        best.splice(place === -1 ? best.length : place, 0, { index, rank });
        if (best.length > limit) best.pop();
      }
      return { total, packages: best.map(({ index }) => at(index)) };
    },

    find(name) {
      const index = indexOf(name);
      return index === -1 ? undefined : at(index);
    },

    like(name) {
      const start = name.slice(0, 2);
      return names.filter((other) => other.startsWith(start) || (name.length > 2 && other.includes(name)));
    },
  };
}

/** A text of lines, and where each begins. */
interface Scannable {
  readonly text: string;
  readonly starts: Uint32Array;
}

function scannable(text: string): Scannable {
  const starts = [0];
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
  return { text, starts: Uint32Array.from(starts) };
}

/** Calls back once for every line that has the word, in order: with whether the word begins one there. */
function eachLineWith(
  { text, starts }: Scannable,
  word: string,
  found: (line: number, startsWord: boolean) => void,
): void {
  let line = 0;
  for (let at = text.indexOf(word); at !== -1;) {
    while ((starts[line + 1] ?? Infinity) <= at) line++;
    const next = starts[line + 1] ?? text.length + 1;
    let startsWord = isWordStart(text, at);
    for (let again = at; !startsWord;) {
      again = text.indexOf(word, again + 1);
      if (again === -1 || again >= next) break;
      startsWord = isWordStart(text, again);
    }
    found(line, startsWord);
    at = text.indexOf(word, next);
  }
}

/** What stands before it is no letter and no digit; the text is in lower case. */
function isWordStart(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const isDigit = before >= 0x30 && before <= 0x39;
  const isLetter = before >= 0x61 && before <= 0x7a;
  return !(isDigit || isLetter || before >= 0x80);
}

function lines(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n');
}
