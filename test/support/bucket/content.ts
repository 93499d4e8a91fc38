import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Fault } from './faults.ts';
import { ApiFailure, slice, type StoredObject } from './objects.ts';

/** Sends an object's bytes, or the part that the Range header asks for. */
export async function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  object: StoredObject,
  fault: Fault | undefined,
): Promise<void> {
  const { sizeBytes, contentType, contentEncoding, generation, metageneration, md5 } = object;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = Number(range?.[1] ?? 0);
  const end = Math.min(range?.[2] ? Number(range[2]) : sizeBytes - 1, sizeBytes - 1);
  if (range !== null && (start >= sizeBytes || start > end)) {
    throw new ApiFailure(416, 'requestedRangeNotSatisfiable', 'Requested range not satisfiable');
  }
  response.writeHead(range === null ? 200 : 206, {
    'Content-Type': contentType,
    'Content-Length': end - start + 1,
    'Accept-Ranges': 'bytes',
    ...(range !== null && { 'Content-Range': `bytes ${start}-${end}/${sizeBytes}` }),
    ...(contentEncoding !== undefined && { 'Content-Encoding': contentEncoding }),
    'x-goog-generation': String(generation),
    'x-goog-metageneration': String(metageneration),
    'x-goog-stored-content-length': String(sizeBytes),
    'x-goog-stored-content-encoding': contentEncoding ?? 'identity',
    'x-goog-hash': `md5=${md5}`,
    ETag: `"${Buffer.from(md5, 'base64').toString('hex')}"`,
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  if (fault?.kind === 'reset-download') {
    for (const piece of slice(object, start, Math.min(start + fault.afterBytes - 1, end))) response.write(piece);
    // What was written has to leave before the connection is cut.
    setTimeout(() => request.socket.resetAndDestroy(), 50);
    return;
  }
  if (fault?.kind === 'stall-download') {
    for (const piece of slice(object, start, Math.min(start + fault.afterBytes - 1, end))) response.write(piece);
    response.flushHeaders();
    return;
  }
  await pipeline(Readable.from(slice(object, start, end), { objectMode: false }), response);
}
