import type { StorePathReader } from '../../../functions/layer/source/source.ts';
import type { ByteString, TreeEntry } from '../../../functions/layer/tree.ts';
import { type Content, Link, Program } from '../fixture.ts';

/** A reader of what is on no disk, which always lets one wait and can go in no other order, as a download would be. */
export function memoryReader(content: Content, pieceBytes: number): StorePathReader {
  const entries = entriesIn(content, '');
  let unread: Buffer = Buffer.alloc(0);
  return {
    next() {
      if (unread.length > 0) return Promise.reject(new Error('a file was not read to its end'));
      const next = entries.next();
      if (next.done) return Promise.resolve(undefined);
      unread = next.value.bytes;
      return Promise.resolve(next.value.entry);
    },
    read(into, offset, end) {
      if (unread.length === 0) return Promise.reject(new Error('there is no file to read'));
      const bytes = unread.copy(into, offset, 0, Math.min(pieceBytes, end - offset));
      unread = unread.subarray(bytes);
      return Promise.resolve(bytes);
    },
    close: () => Promise.resolve(),
  };
}

function* entriesIn(
  content: Content,
  below: ByteString,
): Generator<{ readonly entry: TreeEntry; readonly bytes: Buffer }, void, void> {
  if (content instanceof Link) yield { entry: { kind: 'symlink', below, target: content.target }, bytes: NOTHING };
  else if (content instanceof Program) yield fileOf(below, content.content, true);
  else if (typeof content === 'string' || Buffer.isBuffer(content)) yield fileOf(below, content, false);
  else {
    yield { entry: { kind: 'directory', below }, bytes: NOTHING };
    for (const [name, inside] of Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1))) {
      yield* entriesIn(inside, `${below}/${name}`);
    }
  }
}

function fileOf(below: ByteString, content: string | Buffer, executable: boolean) {
  const bytes = Buffer.from(content);
  return { entry: { kind: 'file', below, size: bytes.length, executable } as const, bytes };
}

const NOTHING = Buffer.alloc(0);
