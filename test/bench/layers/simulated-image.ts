import { createHash } from 'node:crypto';
import type { ClosurePath, StorePath } from '../../../functions/nix/store-path.ts';
import type { State } from './history.ts';
import type { PackageGraph } from './package-graph.ts';

export interface SimulatedLayer {
  /** Equal for equal bytes, and for no others. */
  readonly id: string;
  /** As it is downloaded. */
  readonly bytes: number;
  readonly unpackedBytes: number;
  /** Files, directories and links. */
  readonly entries: number;
  /** How many store paths it holds; none for an image's root. */
  readonly paths: number;
}

/** An image as clients see it. */
export interface SimulatedImage {
  /** From the bottom to the top; the last is the image's root. */
  readonly layers: readonly SimulatedLayer[];
  /** Each of its store paths, as if it were a layer; and its root. */
  readonly least: readonly SimulatedLayer[];
}

/** Which store paths share a layer, from the bottom to the top. */
export type Plan = (closure: readonly ClosurePath[]) => readonly (readonly StorePath[])[];

/**
 * What becomes of a `.deb` (xz) when igzip packs it: of 134 packages of six images (206 MB packed); their store paths are
 * 1.03 of their installed sizes.
 */
const PACKED_PER_DEB_BYTE = 1.74;

/** Of the layers of eight images but their roots: 21 (with gcc) to 47 (with little) in a MB. */
const ENTRIES_PER_BYTE = 34.2e-6;

/** The links of an image's root, by far most of them of the packages that were asked for: `shell/git` has 40 KB. */
const ROOT_BYTES = 40_000;
const ROOT_UNPACKED_BYTES = 1_000_000;
const ROOT_ENTRIES = 1_400;

/** The positions of packages and of all that they need, in the order of the graph. */
function closureIn(graph: PackageGraph, names: readonly string[]): readonly number[] {
  const found = new Set<number>();
  const open = names.map((name) => {
    const index = graph.byName.get(name);
    if (index === undefined) throw new Error(`there is no package ${name}`);
    return index;
  });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(graph.packages[next]?.depends ?? []));
  }
  return [...found].sort((a, b) => a - b);
}

export function simulatedImage(
  graph: PackageGraph,
  state: State,
  names: readonly string[],
  plan: Plan,
): SimulatedImage {
  const members = closureIn(graph, names);
  const closure = members.map((index) => state[index] as ClosurePath);
  const packedBytes = new Map(
    members.map((index) => [(state[index] as ClosurePath).path, packedBytesOf(graph, index)]),
  );
  const sizes = new Map(closure.map(({ path, narSizeBytes }) => [path, narSizeBytes]));
  const layerOf = (paths: readonly StorePath[]): SimulatedLayer => {
    const unpackedBytes = sum(paths.map((path) => sizes.get(path) ?? 0));
    return {
      id: paths.length === 1 ? (paths[0] as string) : hash(paths),
      bytes: sum(paths.map((path) => packedBytes.get(path) ?? 0)),
      unpackedBytes,
      entries: Math.round(unpackedBytes * ENTRIES_PER_BYTE),
      paths: paths.length,
    };
  };
  const root: SimulatedLayer = {
    id: hash(['root', ...names, ...closure.map(({ path }) => path)]),
    bytes: ROOT_BYTES,
    unpackedBytes: ROOT_UNPACKED_BYTES,
    entries: ROOT_ENTRIES,
    paths: 0,
  };
  return {
    layers: [...plan(closure).map(layerOf), root],
    least: [...closure.map(({ path }) => layerOf([path])), root],
  };
}

function packedBytesOf(graph: PackageGraph, index: number): number {
  const { debBytes, installedBytes } = graph.packages[index] as PackageGraph['packages'][number];
  return Math.min(installedBytes, Math.round(debBytes * PACKED_PER_DEB_BYTE));
}

function hash(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join(' ')).digest('base64');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
