import parseRange from 'range-parser';

/** What a Range header asks for, given the length of the whole. */
export type WantedRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

/**
 * RFC 9110, section 14.2. A header that is malformed, in another unit, or that asks for several parts is ignored, as
 * the RFC allows: no client of a registry asks for several.
 */
export function readRange(header: string | undefined, sizeBytes: number): WantedRange {
  if (header === undefined) return { kind: 'whole' };
  const ranges = parseRange(sizeBytes, header);
  if (ranges === -1) return { kind: 'unsatisfiable' };
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return { kind: 'whole' };
  const [range] = ranges;
  return range === undefined ? { kind: 'whole' } : { kind: 'part', start: range.start, end: range.end };
}
