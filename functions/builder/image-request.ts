import type { RepositoryName } from '../oci/reference.ts';
import { architectureOf, DEFAULT_SYSTEM, type System } from '../oci/platform.ts';

/** What an image is to be. */
export interface ImageRequest {
  /** Attributes of the package set, without repetition, sorted. Case and dots are as in the name. */
  readonly attributes: readonly string[];
  readonly system: System;
}

/** Platforms, at least one. */
export type Systems = readonly [System, ...System[]];

/** What an image's name asks for: an image for each of the platforms. Two names that mean the same give the same request. */
export interface NameRequest extends Pick<ImageRequest, 'attributes'> {
  readonly systems: Systems;
}

/** The images that a name asks for. */
export function requestsOf({ attributes, systems }: NameRequest): readonly [ImageRequest, ...ImageRequest[]] {
  const [first, ...others] = systems;
  return [{ attributes, system: first }, ...others.map((system) => ({ attributes, system }))];
}

export type ParsedImageName =
  { readonly kind: 'request'; readonly request: NameRequest } | { readonly kind: 'invalid'; readonly message: string };

/** Components of one name at the most: an evaluation has to end, and nobody types more. */
const MAX_COMPONENTS = 64;

/** What `shell` stands for, as Nixery has it. */
export const SHELL: readonly string[] = ['bashInteractive', 'coreutils', 'moreutils', 'nano'];
/** Names that stand for several packages, wherever in the name they are. */
const SETS: ReadonlyMap<string, readonly string[]> = new Map([
  ['shell', SHELL],
  [
    'builder',
    [
      ...SHELL,
      // What nixpkgs' standard environment gives a build: its compiler and the programs on its PATH.
      ...['binutils', 'bzip2', 'diffutils', 'findutils', 'gawk', 'gcc', 'gnugrep', 'gnumake', 'gnupatch', 'gnused'],
      ...['gnutar', 'gzip', 'patchelf', 'stdenv', 'xz'],
    ],
  ],
]);
/** Names that choose the platform, wherever in the name they are. */
const PLATFORMS: ReadonlyMap<string, System> = new Map([
  ['amd64', 'x86_64-linux'],
  ['arm64', 'aarch64-linux'],
]);

/** Whether a component stands for several packages or for a platform. */
export function isPartialName(component: string): boolean {
  return SETS.has(component) || PLATFORMS.has(component);
}

/** A name that asks for just this. */
export function nameOf({ attributes, system }: ImageRequest): string {
  return [...(system === DEFAULT_SYSTEM ? [] : [architectureOf(system)]), ...attributes].join('/').toLowerCase();
}

/**
 * Reads an image's name. Pure: whether the packages exist is found out later.
 *
 * @param systems of a name that chooses no platform
 */
export function parseImageName(repository: RepositoryName, systems: Systems = [DEFAULT_SYSTEM]): ParsedImageName {
  const components = new Set(repository.split('/'));
  if (components.size > MAX_COMPONENTS) {
    return {
      kind: 'invalid',
      message: `the name asks for ${components.size} packages; at most ${MAX_COMPONENTS} can be asked for`,
    };
  }
  const attributes = new Set<string>();
  const chosen: System[] = [];
  for (const component of components) {
    const platform = PLATFORMS.get(component);
    if (platform !== undefined) chosen.push(platform);
    else for (const attribute of SETS.get(component) ?? [component]) attributes.add(attribute);
  }
  if (attributes.size === 0) {
    return {
      kind: 'invalid',
      message: `the name chooses a platform but no package: ${[...components].join('/')}/hello would be an image`,
    };
  }
  const [system, another] = chosen;
  if (another !== undefined) {
    return {
      kind: 'invalid',
      message: 'the name chooses two platforms, and an image is of one: leave one of them out',
    };
  }
  const request = { attributes: [...attributes].sort(), systems: system === undefined ? systems : ([system] as const) };
  return { kind: 'request', request };
}
