import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Compressor } from '../layer/compressor.ts';
import { createLayerMaker } from '../layer/image-layers.ts';
import type { LayerThreads } from '../layer/layer-threads.ts';
import type { LayerPlanner } from '../layer/plan.ts';
import { byteString, isDirectory, isSymlink, readTree, type Tree } from '../layer/tree.ts';
import type { ClosurePath, StorePath } from '../nix/store-path.ts';
import { folderStore } from '../storage/folder.ts';
import { prepareFolder } from '../storage/folder-prepare.ts';
import { knownBlobs } from '../storage/known-blobs.ts';
import { rootOf } from './image-root.ts';
import { packageRecord } from './package-record.ts';

/** More of them compile no more. */
const MAX_PATHS = 30;
/** Uncompressed bytes; half of that at most is in the temporary folder for a moment, which may be in memory. */
const MAX_BYTES = 40_000_000;
/** Every fourth path is so large, as far as the planner is told, that it has a layer of its own. */
const LARGE_BYTES = 4_000_000;
const SMALL_BYTES = 100_000;

const PREFIX = 'nixery-rehearsal-';
/** From which age on a rehearsal's folder is one of a process that was killed: it takes a second. */
const LEFT_AFTER_MS = 10 * 60 * 1000;

/**
 * Makes an image that nobody asked for and nobody gets, in a temporary folder: what makes images has run some thousand
 * times then, and V8 has compiled it. Without, the first image of a process pays for that with a tenth of its time.
 *
 * @param into.folder what each of its store paths holds: files of this program
 * @throws what making layers throws, the reason of the signal, Error of the file system; nothing of it is left then
 */
export async function rehearse(
  into: {
    readonly compressor: Compressor;
    readonly threads: LayerThreads;
    readonly planner: LayerPlanner;
    readonly folder: string;
  },
  signal: AbortSignal,
): Promise<void> {
  await removeLeftovers();
  const scratch = await mkdtemp(join(tmpdir(), PREFIX));
  try {
    await rehearseIn(scratch, into, signal);
  } finally {
    // What was aborted may still be writing a record.
    await rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  }
}

async function rehearseIn(scratch: string, into: Parameters<typeof rehearse>[0], signal: AbortSignal): Promise<void> {
  const { folder } = into;
  await prepareFolder(scratch);
  const store = folderStore(scratch);
  const layers = createLayerMaker({ ...into, store, known: knownBlobs(store) });
  const tree = await readTree(byteString(folder), { signal });
  const closure = closureOf(Math.min(MAX_PATHS, Math.max(2, Math.floor(MAX_BYTES / bytesIn(tree)))));
  const options = { signal, locationOf: () => folder };
  const image = (closure: readonly ClosurePath[]) => ({ closure, root: () => rootOf([packageOf(closure, tree)]) });
  const ahead = layers.packAhead(closure, options);
  try {
    await layers.make(image(closure), { ...options, ahead });
    // All of its paths are known, and not all of its layers: it is composed.
    await layers.make(image(closure.slice(0, Math.ceil(closure.length / 4))), options);
  } finally {
    await ahead.ended();
  }
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

function packageOf(closure: readonly ClosurePath[], tree: Tree): Parameters<typeof rootOf>[0][number] {
  const outputs = closure.slice(-2).map(({ path }) => path);
  const record = packageRecord({
    ...{ attribute: 'rehearsal', attributePath: 'rehearsal', name: 'rehearsal' },
    ...{ packageVersion: null, mainProgram: null, priority: null, propagated: [] },
    outputs,
    trees: Object.fromEntries(outputs.map((path) => [path, tree])),
    closure: [...closure],
  });
  return { key: '', record };
}

function bytesIn(tree: Tree): number {
  if (isSymlink(tree)) return 0;
  if (!isDirectory(tree)) return tree.size;
  return tree.entries.reduce((bytes, [, below]) => bytes + bytesIn(below), 0);
}
