import { createHash, randomUUID } from 'node:crypto';
import { inMemory, type Piece } from './piece.ts';

/** One generation of an object, as a bucket keeps it. */
export interface StoredObject {
  readonly name: string;
  readonly generation: number;
  metageneration: number;
  readonly content: readonly Piece[];
  readonly sizeBytes: number;
  /** Base64. */
  readonly md5: string;
  readonly createdMs: number;
  updatedMs: number;
  contentType: string;
  customTime?: string;
  metadata: Record<string, string>;
  contentEncoding?: string;
  cacheControl?: string;
}

/** What a client may say of an object. */
export interface ObjectFields {
  contentType?: string;
  customTime?: string;
  metadata?: Record<string, string>;
  contentEncoding?: string;
  cacheControl?: string;
  md5Hash?: string;
}

/** `ifGenerationMatch` and its like, as they stand in a query. */
export interface Preconditions {
  readonly ifGenerationMatch?: string | undefined;
  readonly ifGenerationNotMatch?: string | undefined;
  readonly ifMetagenerationMatch?: string | undefined;
}

/** An answer of Cloud Storage that is no success. */
export class ApiFailure extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** The objects of one bucket, with Cloud Storage's rules for generations and preconditions. */
export class BucketObjects {
  readonly name: string;
  readonly #nowMs: () => number;
  readonly #objects = new Map<string, StoredObject>();
  #generation = 1_700_000_000_000_000;

  constructor(name: string, nowMs: () => number) {
    this.name = name;
    this.#nowMs = nowMs;
  }

  /** Names in byte order. */
  names(prefix = ''): string[] {
    return [...this.#objects.keys()]
      .filter((name) => name.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  find(name: string, generation?: string): StoredObject | undefined {
    const object = this.#objects.get(name);
    return generation === undefined || String(object?.generation) === generation ? object : undefined;
  }

  get(name: string, generation?: string): StoredObject {
    const object = this.find(name, generation);
    if (object === undefined) throw new ApiFailure(404, 'notFound', `No such object: ${this.name}/${name}`);
    return object;
  }

  /** All of an object's content. */
  bytes(name: string): Buffer {
    return Buffer.concat(this.get(name).content.map((piece) => piece.bytes()));
  }

  /** @throws ApiFailure 412 conditionNotMet */
  check(name: string, conditions: Preconditions): void {
    const object = this.#objects.get(name);
    const generation = String(object?.generation ?? 0);
    const { ifGenerationMatch, ifGenerationNotMatch, ifMetagenerationMatch } = conditions;
    if (
      (ifGenerationMatch !== undefined && ifGenerationMatch !== generation) ||
      (ifGenerationNotMatch !== undefined && ifGenerationNotMatch === generation) ||
      (ifMetagenerationMatch !== undefined && object && ifMetagenerationMatch !== String(object.metageneration))
    ) {
      const message = 'At least one of the pre-conditions you specified did not hold.';
      throw new ApiFailure(412, 'conditionNotMet', message);
    }
  }

  /** @param hash MD5 of the first `hashed` pieces of the content, when that is known */
  put(
    name: string,
    pieces: readonly (Piece | Buffer)[],
    fields: ObjectFields,
    conditions: Preconditions,
    { hash = createHash('md5'), hashed = 0 } = {},
  ): StoredObject {
    const content = pieces.map((piece) => (Buffer.isBuffer(piece) ? inMemory(piece) : piece));
    for (const piece of content.slice(hashed)) piece.hashInto(hash);
    const md5 = hash.digest('base64');
    if (fields.md5Hash !== undefined && fields.md5Hash !== md5) {
      const message = `Provided MD5 hash "${fields.md5Hash}" doesn't match calculated MD5 hash "${md5}".`;
      throw new ApiFailure(400, 'invalid', message);
    }
    this.check(name, conditions);
    const {
      contentType = 'application/octet-stream',
      metadata = {},
      customTime,
      contentEncoding,
      cacheControl,
    } = fields;
    const sizeBytes = content.reduce((total, { length }) => total + length, 0);
    return this.#store({
      ...{ name, content, sizeBytes, md5, createdMs: this.#nowMs(), contentType, metadata },
      ...(customTime !== undefined && { customTime }),
      ...(contentEncoding !== undefined && { contentEncoding }),
      ...(cacheControl !== undefined && { cacheControl }),
    });
  }

  /** A copy is a new object with the content and the fields of the old one. */
  copy(from: string, to: string, conditions: Preconditions): StoredObject {
    const source = this.get(from);
    this.check(to, conditions);
    return this.#store({ ...source, name: to });
  }

  move(from: string, to: string, conditions: Preconditions): StoredObject {
    const moved = this.copy(from, to, conditions);
    this.#objects.delete(from);
    return moved;
  }

  patch(name: string, fields: ObjectFields, conditions: Preconditions): StoredObject {
    const object = this.get(name);
    this.check(name, conditions);
    if (object.customTime !== undefined && fields.customTime !== undefined && fields.customTime < object.customTime) {
      throw new ApiFailure(400, 'invalid', 'Custom time cannot be set to an earlier time.');
    }
    object.metageneration++;
    object.updatedMs = this.#nowMs();
    return Object.assign(object, fields);
  }

  delete(name: string, conditions: Preconditions = {}): void {
    this.get(name);
    this.check(name, conditions);
    this.#objects.delete(name);
  }

  #store(fields: Omit<StoredObject, 'generation' | 'metageneration' | 'updatedMs'>): StoredObject {
    this.#generation += 1 + (randomUUID().charCodeAt(0) % 7);
    const object = { ...fields, generation: this.#generation, metageneration: 1, updatedMs: this.#nowMs() };
    this.#objects.set(object.name, object);
    return object;
  }
}

/** Bytes `start` to `end`, both inclusive, of an object's content. */
export function* slice(object: StoredObject, start: number, end: number): Generator<Buffer, void, void> {
  let offset = 0;
  for (const piece of object.content) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end + 1 - offset, piece.length);
    if (from < to) yield piece.part(from, to).bytes();
    offset += piece.length;
    if (offset > end) return;
  }
}
