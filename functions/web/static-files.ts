import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { Answer } from '../answers/answer.ts';
import { matches } from '../answers/if-none-match.ts';
import type { PageRequest } from '../answers/page.ts';
import { readRange } from '../answers/range.ts';

/** Types of what a web page is made of; of anything else a browser makes a download. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.xml': 'application/xml',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.pdf': 'application/pdf',
};

const HEADERS = { 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-cache', 'Accept-Ranges': 'bytes' };

/**
 * The files of a folder (`WEB_DIR`), with `index.html` for a folder in it. What begins with a dot is not there, and neither is
 * what a link leads to outside of the folder.
 */
export function staticFiles(folder: string): (request: PageRequest) => Promise<Answer> {
  return async ({ path, headers }) => {
    const found = await find(folder, path);
    if (found === undefined) return notFound();
    if ('location' in found) {
      return { status: 301, headers: { Location: found.location }, body: Buffer.alloc(0) };
    }
    const { file, sizeBytes, modifiedMs } = found;
    const etag = `"${sizeBytes.toString(36)}-${modifiedMs.toString(36)}"`;
    const own = { ...HEADERS, ETag: etag, 'Content-Type': TYPES[extname(file).toLowerCase()] ?? OTHER };
    if (matches(headers['if-none-match'], etag)) return { status: 304, headers: own, body: Buffer.alloc(0) };
    const open = (part?: { start: number; end: number }) => Promise.resolve(createReadStream(file, part));
    const range = readRange(headers.range, sizeBytes);
    switch (range.kind) {
      case 'whole':
        return { status: 200, headers: own, body: { sizeBytes, open: () => open() } };
      case 'part': {
        const { start, end } = range;
        const partHeaders = { ...own, 'Content-Range': `bytes ${start}-${end}/${sizeBytes}` };
        return { status: 206, headers: partHeaders, body: { sizeBytes: end - start + 1, open: () => open(range) } };
      }
      case 'unsatisfiable':
        return { status: 416, headers: { ...HEADERS, 'Content-Range': `bytes */${sizeBytes}` }, body: Buffer.alloc(0) };
      default:
        throw new RangeError(`no such range: ${String(range satisfies never)}`);
    }
  };
}

const OTHER = 'application/octet-stream';

type Found =
  | { readonly file: string; readonly sizeBytes: number; readonly modifiedMs: number }
  /** A folder without the slash at its end: relative links would lead elsewhere. */
  | { readonly location: string };

async function find(folder: string, path: string): Promise<Found | undefined> {
  const names = namesOf(path);
  if (names === undefined) return undefined;
  try {
    const root = await realpath(folder);
    const file = await realpath(join(root, ...names));
    if (file !== root && !file.startsWith(`${root}${sep}`)) return undefined;
    const about = await stat(file);
    if (about.isDirectory()) {
      if (!path.endsWith('/')) return { location: `/${names.map(encodeURIComponent).join('/')}/` };
      return await find(folder, `${path}index.html`);
    }
    return about.isFile() && !path.endsWith('/')
      ? { file, sizeBytes: about.size, modifiedMs: Math.floor(about.mtimeMs) }
      : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'ELOOP') return undefined;
    throw error;
  }
}

/** The names on the way to a file; undefined for a path that no file has. */
function namesOf(path: string): readonly string[] | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined; // Escapes that are no UTF-8.
  }
  const names = decoded.split('/').filter((name) => name !== '');
  return names.some((name) => name.startsWith('.') || /[\\\0]/.test(name)) ? undefined : names;
}

function notFound(): Answer {
  const body = Buffer.from('There is no such file.\n');
  return { status: 404, headers: { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }, body };
}
