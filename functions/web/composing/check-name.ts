import { isPartialName, type NameRequest, parseImageName, type Systems } from '../../builder/image-request.ts';
import type { PackageSearch } from '../../builder/package-search.ts';
import { nearMatches } from '../../nix/near-matches.ts';
import { parseRepositoryName } from '../../oci/reference.ts';

/** What a component of a name is. `unlisted`: it may be there, below the level that is listed. */
export type CheckedPart =
  | { readonly kind: 'word'; readonly part: string }
  | {
      readonly kind: 'package';
      readonly part: string;
      readonly version?: string | undefined;
      readonly sizeBytes?: number | undefined;
    }
  | { readonly kind: 'unlisted'; readonly part: string }
  | { readonly kind: 'unknown'; readonly part: string; readonly nearMatches: readonly string[] };

/** What is to be said of a name that somebody types. */
export type CheckedName =
  | { readonly kind: 'empty' }
  | { readonly kind: 'invalid'; readonly message: string }
  | {
      readonly kind: 'name';
      readonly name: string;
      readonly request: NameRequest;
      readonly parts: readonly CheckedPart[];
    };

const MAX_QUOTED_CHARACTERS = 80;

/** @param packages what there is at its tag; undefined while that is not known @param systems see `parseImageName` */
export function checkName(text: string, packages: PackageSearch | undefined, systems?: Systems): CheckedName {
  // What people paste.
  const trimmed = text.trim().replace(/^\/+|\/+$/g, '');
  if (trimmed === '') return { kind: 'empty' };
  const name = parseRepositoryName(trimmed);
  if (name === undefined) {
    const shown = JSON.stringify(trimmed.slice(0, MAX_QUOTED_CHARACTERS));
    const message = `${shown} is not an image's name: lower-case letters, digits and single . _ - inside, parted by /, at most 255 characters`;
    return { kind: 'invalid', message };
  }
  const parsed = parseImageName(name, systems);
  if (parsed.kind === 'invalid') return parsed;
  const parts = [...new Set(name.split('/'))].map((part) => checkPart(part, packages));
  return { kind: 'name', name, request: parsed.request, parts };
}

function checkPart(part: string, packages: PackageSearch | undefined): CheckedPart {
  if (isPartialName(part)) return { kind: 'word', part };
  if (packages === undefined) return { kind: 'unlisted', part };
  const found = packages.find(part);
  if (found !== undefined) return { kind: 'package', part, version: found.version, sizeBytes: found.sizeBytes };
  // Behind a dot there may be more than is listed.
  if (part.includes('.')) return { kind: 'unlisted', part };
  return { kind: 'unknown', part, nearMatches: nearMatches(part, packages.like(part)) };
}
