import { lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Compressor } from '../../layer/compressor.ts';
import { createLayerMaker } from '../../layer/image-layers.ts';
import type { LayerThreads } from '../../layer/threads/threads.ts';
import type { LayerPlanner } from '../../layer/plan/plan.ts';
import { localSource, readTree, type StorePathSource } from '../../layer/source/source.ts';
import { isDirectory, isSymlink, type Tree } from '../../layer/tree.ts';
import type { ClosurePath, StorePath } from '../../nix/store-path.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { openFolder } from '../../storage/folder/folder.ts';
import { knownBlobs } from '../../storage/known-blobs.ts';
import { findRecord, settleRecord } from '../../storage/record.ts';
import { rootOf } from '../image-root.ts';
import {
  packageKey,
  packageObject,
  type PackageIdentity,
  type PackageRecord,
  packageRecord,
  packageRecordSchema,
} from '../package-record.ts';

/** More of them compile no more. */
const MAX_PATHS = 30;
/** Uncompressed bytes; half of that at most is in the temporary folder for a moment, which may be in memory. */
const MAX_BYTES = 40_000_000;
/** Every fourth path is so large, as far as the planner is told, that it has a layer of its own. */
const LARGE_BYTES = 4_000_000;
const SMALL_BYTES = 100_000;

/** Of each kind of file. */
const SAMPLES = 10;
/** Behind a store path's own name, an archive has no room for it in its first field. */
const LONG_NAME_BYTES = 80;

const REHEARSED: PackageIdentity = {
  ...{ expressions: '', source: {}, revision: '' },
  ...{ system: 'x86_64-linux', attribute: 'rehearsal' },
};

const PREFIX = 'nixery-rehearsal-';
/** From which age on a rehearsal's folder is one of a process that was killed: it takes a second. */
const LEFT_AFTER_MS = 10 * 60 * 1000;

/** What makes images here. */
export interface RehearsedWith {
  readonly compressor: Compressor;
  readonly threads: LayerThreads;
  readonly planner: LayerPlanner;
  /** What each of its store paths holds: files of this program. */
  readonly folder: string;
}

/**
 * Makes an image that nobody asked for and nobody gets, in a temporary folder: what makes images has run some thousand
 * times then, and V8 has compiled it. Without, the first image of a process pays for that with a tenth of its time.
 *
 * @throws what making layers throws, the reason of the signal, Error of the file system; nothing of it is left then
 */
export async function rehearse(into: RehearsedWith, signal: AbortSignal): Promise<void> {
  await removeLeftovers();
  const scratch = await mkdtemp(join(tmpdir(), PREFIX));
  try {
    await rehearseIn(scratch, into, signal);
  } finally {
    // What was aborted may still be writing a record.
    await rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  }
}

async function rehearseIn(scratch: string, into: RehearsedWith, signal: AbortSignal): Promise<void> {
  const store = await openFolder(scratch);
  const layers = createLayerMaker({ ...into, store, known: knownBlobs(store) });
  const [program, sample] = [into.folder, join(scratch, 'sample')];
  await makeSample(sample);
  const trees = new Map<string, Tree>();
  for (const folder of [program, sample]) trees.set(folder, await readTree(localSource(folder), { signal }));
  const treeAt = (folder: string): Tree => trees.get(folder) as Tree;

  const count = Math.floor(MAX_BYTES / bytesIn(treeAt(program)));
  const closure = closureOf(Math.min(MAX_PATHS, Math.max(2, count)));
  const numbers = new Map(closure.map(({ path }, number) => [path, number]));
  const numberOf = (path: StorePath): number => numbers.get(path) ?? 0;
  const folderOf = (path: StorePath): string => (numberOf(path) % 3 === 1 ? sample : program);
  const treeOf = (path: StorePath): Tree => treeAt(folderOf(path));
  // Who packs reads the trees of some, and is told those of others.
  const sourceOf = (path: StorePath): StorePathSource =>
    localSource(folderOf(path), numberOf(path) % 4 < 2 ? undefined : treeOf(path));
  const options = { signal, sourceOf };

  const record = recordOf(closure, treeOf);
  const image = (record: PackageRecord, closure: readonly ClosurePath[]) => ({
    closure,
    root: () => rootOf([{ key: '', record }]),
  });
  const ahead = layers.packAhead(closure, options);
  try {
    await layers.make(image(record, closure), { ...options, ahead });
    // All of its paths are known, and not all of its layers: it is composed, of what a record says.
    const composed = await recorded(store, record, signal);
    await layers.make(image(composed, closure.slice(0, Math.ceil(closure.length / 4))), options);
  } finally {
    await ahead.ended();
  }
}

/** What the program's own folder has none of: programs, links, long names. */
async function makeSample(folder: string): Promise<void> {
  const deep = join(folder, 'share', 'n'.repeat(LONG_NAME_BYTES));
  await mkdir(deep, { recursive: true });
  await mkdir(join(folder, 'bin'));
  for (let number = 0; number < SAMPLES; number++) {
    const program = join(folder, 'bin', `sample-${number}`);
    await writeFile(program, `#!/bin/sh\necho ${number}\n`, { mode: 0o755 });
    await symlink(`sample-${number}`, join(folder, 'bin', `link-${number}`));
    await writeFile(join(deep, `page-${number}`), `${number}\n`.repeat(number));
  }
}

/** The record as it is after it was written and read. */
async function recorded(store: BlobStore, record: PackageRecord, signal: AbortSignal): Promise<PackageRecord> {
  const object = packageObject(packageKey(REHEARSED));
  await settleRecord(store, object, packageRecordSchema, record, { kind: 'absent' }, { signal });
  const found = await findRecord(store, object, packageRecordSchema, { signal });
  if (found.kind !== 'found' || found.value.kind !== 'package') throw new Error('a record is not what was written');
  return found.value;
}

/** Removes what killed processes of this user left in the temporary folder. */
async function removeLeftovers(): Promise<void> {
  const names = await readdir(tmpdir());
  for (const path of names.filter((name) => name.startsWith(PREFIX)).map((name) => join(tmpdir(), name))) {
    // Another process may be removing it.
    const stat = await lstat(path).catch(() => undefined);
    if (stat?.isDirectory() !== true || stat.uid !== process.getuid?.()) continue;
    if (Date.now() - stat.mtimeMs > LEFT_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

/** Each refers to the two before it. */
function closureOf(count: number): ClosurePath[] {
  const paths = Array.from(
    { length: count },
    (_, index) => `/nix/store/${String(index).padStart(32, '0')}-rehearsal` as StorePath,
  );
  return paths.map((path, index) => ({
    path,
    narHash: `sha256-${index}`,
    narSizeBytes: index % 4 === 0 ? LARGE_BYTES : SMALL_BYTES,
    references: paths.slice(Math.max(0, index - 2), index),
  }));
}

function recordOf(closure: readonly ClosurePath[], treeOf: (path: StorePath) => Tree): PackageRecord {
  const outputs = closure.slice(-3).map(({ path }) => path);
  return packageRecord({
    ...{ attribute: REHEARSED.attribute, attributePath: REHEARSED.attribute, name: 'rehearsal' },
    ...{ packageVersion: null, mainProgram: null, priority: null, propagated: [] },
    outputs,
    trees: Object.fromEntries(outputs.map((path) => [path, treeOf(path)])),
    closure: [...closure],
  });
}

function bytesIn(tree: Tree): number {
  if (isSymlink(tree)) return 0;
  if (!isDirectory(tree)) return tree.size;
  return tree.entries.reduce((bytes, [, below]) => bytes + bytesIn(below), 0);
}
