import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type ClosurePath, parseStorePath, type StorePath } from '../../functions/nix/store-path.ts';
import type { Digest } from '../../functions/oci/digest.ts';
import type { BlobStore } from '../../functions/storage/blob-store.ts';
import { blobKey } from '../../functions/storage/known-blobs.ts';
import { openSource, type StorePathReader, type StorePathSource } from '../../functions/layer/source/source.ts';
import { memberTar } from '../../functions/layer/threads/member-tar.ts';
import { type ByteString, bytesOf, type Tree } from '../../functions/layer/tree.ts';

/** A folder that is removed when the tests of the file have ended. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'layer-test-'));
  after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

/** Folders as objects, files as strings, links and executables as made by {@link link} and {@link program}. */
export interface Files {
  readonly [name: ByteString]: Content;
}
export type Content = string | Buffer | Files | Link | Program;
export class Link {
  readonly target: ByteString;
  constructor(target: ByteString) {
    this.target = target;
  }
}
export class Program {
  readonly content: string;
  constructor(content: string) {
    this.content = content;
  }
}
export const link = (target: ByteString) => new Link(target);
export const program = (content: string) => new Program(content);

/** Writes files below a new folder. Names and targets are byte strings. */
export function write(folder: string, files: Files): string {
  mkdirSync(bytesOf(folder));
  for (const [name, content] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    if (content instanceof Link) symlinkSync(bytesOf(content.target), bytesOf(path));
    else if (content instanceof Program) writeFileSync(bytesOf(path), content.content, { mode: 0o755 });
    else if (typeof content === 'string' || Buffer.isBuffer(content)) writeFileSync(bytesOf(path), content);
    else write(path, content);
  }
  return folder;
}

/** The tree of files that are nowhere on a disk. */
export function treeOf(files: Files): Tree {
  return {
    entries: Object.entries(files)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, content]): [ByteString, Tree] => {
        if (content instanceof Link) return [name, { target: content.target }];
        if (content instanceof Program) return [name, { size: content.content.length, executable: true }];
        if (typeof content === 'string' || Buffer.isBuffer(content)) return [name, { size: content.length }];
        return [name, treeOf(content)];
      }),
  };
}

/** The chunks of a store path's tar, each in memory of its own. Closes the reader. */
export async function tarChunks(name: ByteString, from: StorePathSource | StorePathReader): Promise<Buffer[]> {
  const reader = 'kind' in from ? await openSource(from) : from;
  try {
    return await Array.fromAsync(memberTar(name, reader), (chunk) => Buffer.from(chunk));
  } finally {
    await reader.close();
  }
}

/** A store path with this name; the same name gives the same path. */
export function storePath(name: string): StorePath {
  const hash = createHash('sha256').update(name).digest('hex').replaceAll('e', 'x').slice(0, 32);
  const path = parseStorePath(`/nix/store/${hash}-${name}`);
  if (path === undefined) throw new RangeError(`no name for a store path: ${name}`);
  return path;
}

export function closurePath(name: string, narSizeBytes = 1000, references: readonly string[] = []): ClosurePath {
  return {
    path: storePath(name),
    narHash: `sha256-${name}`,
    narSizeBytes,
    references: references.map(storePath).sort(),
  };
}

/** A blob, whole. */
export async function blob(store: BlobStore, digest: Digest): Promise<Buffer> {
  const content = await store.read(blobKey(digest));
  if (content === undefined) throw new Error(`no blob ${digest}`);
  return Buffer.concat(await content.stream.toArray());
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export interface ListedEntry {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly size: number;
  readonly target: string;
  readonly sha256: string | null;
}

/** An archive's entries, as Python's tarfile reads them. Names and targets are byte strings. */
export function listArchive(archive: Buffer): ListedEntry[] {
  const script = `
import hashlib, io, json, sys, tarfile
def text(name): return name.encode('utf-8', 'surrogateescape').decode('latin-1')
with tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()), mode='r:') as archive:
    print(json.dumps([{
        'name': text(entry.name),
        'type': 'file' if entry.isreg() else 'directory' if entry.isdir() else 'symlink' if entry.issym() else 'other',
        'mode': entry.mode, 'uid': entry.uid, 'gid': entry.gid, 'mtime': entry.mtime, 'size': entry.size,
        'target': text(entry.linkname),
        'sha256': hashlib.sha256(archive.extractfile(entry).read()).hexdigest() if entry.isreg() else None,
    } for entry in archive]))`;
  const json = execFileSync('python3', ['-c', script], { input: archive, maxBuffer: 1 << 28 }).toString();
  return JSON.parse(json) as ListedEntry[];
}

export function listBlob(bytes: Buffer): ListedEntry[] {
  return listArchive(gunzipSync(bytes));
}

/** Names of objects and, for a memory store, how many are staged: see what is left behind. */
export async function names(store: BlobStore, area: 'layers' | 'contents' | 'joins'): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(area)) keys.push(key);
  return keys;
}
