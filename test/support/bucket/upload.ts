import { createHash, type Hash, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Fault } from './faults.ts';
import { inMemory, type Piece, Spool } from './piece.ts';
import { ApiFailure, type BucketObjects, type ObjectFields, type Preconditions, type StoredObject } from './objects.ts';

/** Chunks of a resumable upload, but for the last, are multiples of this. */
const CHUNK_UNIT_BYTES = 256 * 1024;

/** An upload in several requests. */
interface Session {
  readonly name: string;
  readonly fields: ObjectFields;
  readonly conditions: Preconditions;
  readonly pieces: Piece[];
  receivedBytes: number;
  /** MD5 of the first `hashed` pieces: a long upload is hashed as it comes, while its client prepares the next chunk. */
  readonly hash: Hash;
  hashed: number;
  /** Once it is complete. */
  object?: StoredObject;
}

/** What to answer to a request of a resumable upload. */
export type UploadState =
  | { readonly kind: 'complete'; readonly object: StoredObject }
  | { readonly kind: 'incomplete'; readonly receivedBytes: number };

/** The uploads into one bucket. */
export class Uploads {
  readonly #objects: BucketObjects;
  readonly #spool = new Spool();
  readonly #sessions = new Map<string, Session>();

  constructor(objects: BucketObjects) {
    this.#objects = objects;
  }

  /** To be called once, when nobody reads what was uploaded any more. */
  close(): void {
    this.#spool.close();
  }

  /** `uploadType=multipart`: fields and content in one request. */
  async multipart(
    request: IncomingMessage,
    name: string,
    conditions: Preconditions,
    fault?: Fault,
  ): Promise<StoredObject> {
    const boundary = /boundary="?([^";]+)"?/.exec(request.headers['content-type'] ?? '')?.[1];
    if (boundary === undefined) throw new ApiFailure(400, 'badRequest', 'Missing boundary.');
    const body = await buffer(request);
    const parts = splitAt(body, Buffer.from(`--${boundary}`))
      .slice(1, -1)
      .map(partOf);
    const [json, content] = parts;
    if (json === undefined || content === undefined)
      throw new ApiFailure(400, 'badRequest', 'Malformed multipart body.');
    const fields = fieldsOf(json.body);
    const type = content.headers['content-type'];
    const pieces = [inMemory(content.body)];
    if (fault?.kind === 'corrupt-upload') corrupt(pieces);
    return this.#objects.put(name, pieces, { ...(type && { contentType: type }), ...fields }, conditions);
  }

  /** `uploadType=resumable`: opens a session. */
  async open(request: IncomingMessage, name: string, conditions: Preconditions): Promise<string> {
    const body = await buffer(request);
    const fields = body.length === 0 ? {} : fieldsOf(body);
    const type = request.headers['x-upload-content-type'];
    this.#objects.check(name, conditions);
    const id = randomUUID();
    this.#sessions.set(id, {
      ...{ name, conditions, pieces: [], receivedBytes: 0, hash: createHash('md5'), hashed: 0 },
      fields: { ...(typeof type === 'string' && { contentType: type }), ...fields },
    });
    return id;
  }

  /** A chunk, or a question how much has arrived. */
  async resume(request: IncomingMessage, id: string, fault?: Fault): Promise<UploadState> {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new ApiFailure(404, 'notFound', 'No such upload session.');
    const range = /^bytes (?:(\d+)-(\d+|\*)|\*)\/(\d+|\*)$/.exec(request.headers['content-range'] ?? '');
    if (range === null) throw new ApiFailure(400, 'badRequest', 'Malformed Content-Range.');
    const [, start, end, total] = range;
    if (session.object !== undefined) {
      request.resume();
      return { kind: 'complete', object: session.object };
    }
    if (start === undefined) request.resume();
    else await this.#receive(request, session, Number(start), fault);
    const known = total === '*' && end === '*' && start !== undefined ? session.receivedBytes : Number(total);
    if (session.receivedBytes !== known) {
      session.receivedBytes = keepWholeUnits(session);
      setImmediate(hashWhatCame, session);
      return { kind: 'incomplete', receivedBytes: session.receivedBytes };
    }
    if (fault?.kind === 'corrupt-upload') corrupt(session.pieces);
    session.object = this.#objects.put(session.name, session.pieces, session.fields, session.conditions, session);
    return { kind: 'complete', object: session.object };
  }

  async #receive(request: IncomingMessage, session: Session, start: number, fault?: Fault): Promise<void> {
    let position = start;
    let arrived = 0;
    if (start > session.receivedBytes)
      throw new ApiFailure(400, 'invalid', 'The chunk begins behind what was received.');
    for await (const chunk of request as AsyncIterable<Buffer>) {
      // What was received before is not taken again.
      const fresh = chunk.subarray(Math.max(session.receivedBytes - position, 0));
      position += chunk.length;
      arrived += chunk.length;
      if (fresh.length > 0) session.pieces.push(this.#spool.append(fresh));
      session.receivedBytes += fresh.length;
      if (fault?.kind === 'reset-upload' && arrived >= fault.afterBytes) {
        session.receivedBytes = keepWholeUnits(session);
        request.socket.resetAndDestroy();
        return;
      }
    }
  }
}

function hashWhatCame(session: Session): void {
  for (const piece of session.pieces.slice(session.hashed)) piece.hashInto(session.hash);
  session.hashed = session.pieces.length;
}

/** Cloud Storage keeps whole units of an unfinished upload. */
function keepWholeUnits(session: Session): number {
  const whole = session.receivedBytes - (session.receivedBytes % CHUNK_UNIT_BYTES);
  let surplus = session.receivedBytes - whole;
  while (surplus > 0) {
    const last = session.pieces.pop();
    if (last === undefined) break;
    if (last.length > surplus) session.pieces.push(last.part(0, last.length - surplus));
    surplus -= Math.min(last.length, surplus);
  }
  return whole;
}

function corrupt(pieces: Piece[]): void {
  const index = pieces.findLastIndex(({ length }) => length > 0);
  const last = pieces[index]?.bytes();
  if (last === undefined) return;
  last[last.length - 1] = (last.at(-1) ?? 0) ^ 1;
  pieces[index] = inMemory(last);
}

function fieldsOf(json: Buffer): ObjectFields {
  try {
    return JSON.parse(json.toString()) as ObjectFields;
  } catch (error) {
    throw new ApiFailure(400, 'parseError', `Parse Error: ${(error as Error).message}`);
  }
}

function splitAt(bytes: Buffer, separator: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let from = 0; ;) {
    const at = bytes.indexOf(separator, from);
    parts.push(bytes.subarray(from, at === -1 ? bytes.length : at));
    if (at === -1) return parts;
    from = at + separator.length;
  }
}

/** RFC 2046: a line end after the boundary, headers, an empty line, the body, a line end before the next boundary. */
function partOf(part: Buffer): { readonly headers: Record<string, string>; readonly body: Buffer } {
  const headEnd = part.indexOf('\r\n\r\n');
  const lines = part.subarray(2, headEnd).toString().split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { headers, body: part.subarray(headEnd + 4, part.length - 2) };
}
