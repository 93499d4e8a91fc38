import { isUtf8 } from 'node:buffer';
import { type ByteString, bytesOf } from './tree.ts';

/** One entry of a layer's archive. Owner and group are root (0), the time is {@link MTIME_SECONDS}: nothing else can be said. */
export type TarEntry =
  | { readonly kind: 'directory'; readonly path: ByteString; readonly mode: number }
  | { readonly kind: 'file'; readonly path: ByteString; readonly mode: number; readonly size: number }
  | { readonly kind: 'symlink'; readonly path: ByteString; readonly target: ByteString };

/** When everything was modified: what Nix gives to all that lies in its store. */
const MTIME_SECONDS = 1;

/** Archives consist of blocks of this many bytes (POSIX pax, "ustar Interchange Format"). */
export const BLOCK_BYTES = 512;

/**
 * Length of the longest path in an image, in bytes. Linux takes 4,095 (PATH_MAX), and containerd unpacks below a folder
 * of its own, of which the name counts.
 */
export const MAX_PATH_BYTES = 4095 - 256;

/** Two blocks of zeros (POSIX pax, "ustar Interchange Format"). */
export const END_OF_ARCHIVE: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

// Field lengths and offsets of a header: POSIX pax, "ustar Header Block".
const NAME_BYTES = 100;
const LINK_BYTES = 100;
const PREFIX_BYTES = 155;
/** Eleven octal digits: 8 GiB - 1. */
const MAX_USTAR_SIZE = 0o77777777777;

/** Permission bits and the sticky bit of `/tmp`. Setuid and setgid are not among them, so no entry ever has them. */
const MODE_BITS = 0o1777;

/**
 * The header of an entry, without its content: a ustar header, after a pax extended header where ustar has no room.
 *
 * Bytes that are not ASCII stand in ustar's fields as they are; that is how GNU tar writes them and how Go's
 * archive/tar, which docker, containerd and podman use, reads them.
 */
export function tarHeader(entry: TarEntry): Buffer {
  const path = entry.kind === 'directory' && !entry.path.endsWith('/') ? `${entry.path}/` : entry.path;
  const target = entry.kind === 'symlink' ? entry.target : '';
  const size = entry.kind === 'file' ? entry.size : 0;
  const split = splitPath(path);
  const records: [keyword: string, value: ByteString][] = [];
  if (split === undefined) records.push(['path', path]);
  if (target.length > LINK_BYTES) records.push(['linkpath', target]);
  if (size > MAX_USTAR_SIZE) records.push(['size', String(size)]);

  const header = ustarHeader({
    // Readers of pax take the path from the record; others get as much of it as there is room for.
    ...(split ?? { prefix: '', name: path.slice(0, NAME_BYTES) }),
    target: target.slice(0, LINK_BYTES),
    mode: entry.kind === 'symlink' ? 0o777 : entry.mode & MODE_BITS,
    size: size > MAX_USTAR_SIZE ? 0 : size,
    typeFlag: TYPE_FLAG[entry.kind],
  });
  return records.length === 0 ? header : Buffer.concat([paxHeader(records), header]);
}

/** How many zero bytes follow a file's content, so that the next header begins with a block. */
export function paddingBytes(size: number): number {
  return (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
}

const TYPE_FLAG = { file: '0', symlink: '2', directory: '5', pax: 'x' } as const;

/** A path in ustar's two fields, which are joined with a slash; undefined when it does not fit. */
function splitPath(path: ByteString): { prefix: ByteString; name: ByteString } | undefined {
  if (path.length <= NAME_BYTES) return { prefix: '', name: path };
  // The last slash that leaves a name: a directory's own slash, at the end, leaves none.
  const slash = path.lastIndexOf('/', Math.min(PREFIX_BYTES, path.length - 2));
  const name = path.slice(slash + 1);
  return slash > 0 && name.length <= NAME_BYTES ? { prefix: path.slice(0, slash), name } : undefined;
}

/** Extended header records, `LENGTH KEYWORD=VALUE\n`, in an entry of their own (POSIX pax, "pax Extended Header"). */
function paxHeader(records: [keyword: string, value: ByteString][]): Buffer {
  const areUtf8 = records.every(([, value]) => isUtf8(bytesOf(value)));
  const all: typeof records = areUtf8 ? records : [['hdrcharset', 'BINARY'], ...records];
  const content = bytesOf(all.map(([keyword, value]) => paxRecord(keyword, value)).join(''));
  const header = ustarHeader({
    prefix: '',
    name: 'PaxHeaders/entry',
    target: '',
    mode: 0o644,
    size: content.length,
    typeFlag: TYPE_FLAG.pax,
  });
  return Buffer.concat([header, content, Buffer.alloc(paddingBytes(content.length))]);
}

/** The length counts its own digits. */
function paxRecord(keyword: string, value: ByteString): ByteString {
  const rest = ` ${keyword}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

function ustarHeader(fields: {
  prefix: ByteString;
  name: ByteString;
  target: ByteString;
  mode: number;
  size: number;
  typeFlag: string;
}): Buffer {
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  TEMPLATE.copy(block);
  // The sum of all bytes, with spaces in the checksum's own place: that of the template, and what takes its zeros' place.
  let sum = TEMPLATE_SUM;
  function put(text: ByteString, offset: number): void {
    for (let index = 0; index < text.length; index++) {
      const byte = text.charCodeAt(index);
      block[offset + index] = byte;
      sum += byte;
    }
  }
  put(fields.name, 0);
  put(octal(fields.mode, 7), 100);
  put(octal(fields.size, 11), 124);
  put(fields.typeFlag, 156);
  put(fields.target, 157);
  put(fields.prefix, 345);
  block.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return block;
}

/** What is the same in all headers: no owner but root, one time, no devices, and spaces for the checksum. */
const TEMPLATE: Buffer = Buffer.alloc(BLOCK_BYTES);
for (const [text, offset] of [
  [octal(0, 7), 108],
  [octal(0, 7), 116],
  [octal(MTIME_SECONDS, 11), 136],
  ['        ', 148],
  ['ustar\x0000', 257],
  [octal(0, 7), 329],
  [octal(0, 7), 337],
] as const) {
  TEMPLATE.write(text, offset, 'latin1');
}
const TEMPLATE_SUM = TEMPLATE.reduce((sum, byte) => sum + byte);

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
