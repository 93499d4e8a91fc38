import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Access } from './access.ts';
import type { Fault } from './faults.ts';
import { sendContent } from './content.ts';
import { ApiFailure, type BucketObjects, type ObjectFields, type Preconditions, type StoredObject } from './objects.ts';
import type { Uploads } from './upload.ts';

/** What a bucket's JSON API serves from. */
export interface BucketWorld {
  readonly objects: BucketObjects;
  readonly uploads: Uploads;
  readonly access: Access;
  /** False as long as the bucket is said not to exist. */
  readonly exists: () => boolean;
}

const RESOURCE =
  /^\/storage\/v1\/b\/([^/]+)(?:\/o(?:\/([^/]+)(?:\/(moveTo|rewriteTo)(?:\/b\/([^/]+))?\/o\/([^/]+))?)?)?$/;
const UPLOAD = /^\/(?:resumable\/)?upload\/storage\/v1\/b\/([^/]+)\/o$/;

/** The part of Cloud Storage's JSON API that stores need: objects, and the bucket itself. */
export async function jsonApi(
  world: BucketWorld,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  fault: Fault | undefined,
): Promise<void> {
  const { objects, access } = world;
  const account = access.accountOf(request.headers.authorization);
  const upload = UPLOAD.exec(url.pathname);
  const [, bucket, object, verb, , target] = RESOURCE.exec(url.pathname) ?? upload ?? [];
  if (bucket === undefined) throw new ApiFailure(404, 'notFound', 'Not Found');
  if (bucket !== objects.name || !world.exists()) {
    throw new ApiFailure(404, 'notFound', 'The specified bucket does not exist.');
  }
  const demand = (
    permission: string,
    what = object === undefined ? bucket : `${bucket}/${decodeURIComponent(object)}`,
  ) => {
    access.demand(account, permission, what);
  };
  const query = Object.fromEntries(url.searchParams) as Record<string, string | undefined>;
  const conditions = query as Preconditions;

  if (upload !== null) {
    await receive(world, request, response, query, conditions, demand, fault);
    return;
  }
  if (object === undefined) {
    if (/\/o$/.test(url.pathname)) {
      demand('storage.objects.list');
      sendJson(response, 200, page(objects, query));
    } else {
      demand('storage.buckets.get');
      sendJson(response, 200, {
        kind: 'storage#bucket',
        id: bucket,
        name: bucket,
        location: 'EU',
        metageneration: '1',
      });
    }
    return;
  }
  const name = decodeURIComponent(object);
  if (verb !== undefined && target !== undefined) {
    const to = decodeURIComponent(target);
    demand('storage.objects.get');
    demand('storage.objects.create', `${bucket}/${to}`);
    if (objects.find(to) !== undefined) demand('storage.objects.delete', `${bucket}/${to}`);
    if (verb === 'moveTo') {
      demand('storage.objects.move');
      sendJson(response, 200, resourceOf(bucket, objects.move(name, to, conditions)));
    } else {
      const copy = objects.copy(name, to, conditions);
      const size = String(copy.sizeBytes);
      const resource = resourceOf(bucket, copy);
      const done = { kind: 'storage#rewriteResponse', totalBytesRewritten: size, objectSize: size, done: true };
      sendJson(response, 200, { ...done, resource });
    }
    return;
  }
  switch (request.method) {
    case 'GET': {
      demand('storage.objects.get');
      objects.check(name, conditions);
      const found = objects.get(name, query['generation']);
      if (query['alt'] === 'media') await sendContent(request, response, found, fault);
      else sendJson(response, 200, resourceOf(bucket, found));
      return;
    }
    case 'DELETE':
      demand('storage.objects.delete');
      objects.delete(name, conditions);
      response.writeHead(204).end();
      return;
    case 'PATCH': {
      demand('storage.objects.update');
      const fields = JSON.parse((await buffer(request)).toString()) as ObjectFields;
      sendJson(response, 200, resourceOf(bucket, objects.patch(name, fields, conditions)));
      return;
    }
    default:
      throw new ApiFailure(405, 'methodNotAllowed', 'Method Not Allowed');
  }
}

async function receive(
  { uploads, objects }: BucketWorld,
  request: IncomingMessage,
  response: ServerResponse,
  query: Record<string, string | undefined>,
  conditions: Preconditions,
  demand: (permission: string, what?: string) => void,
  fault: Fault | undefined,
): Promise<void> {
  const id = query['upload_id'];
  if (id !== undefined) {
    const state = await uploads.resume(request, id, fault);
    if (state.kind === 'complete') {
      sendJson(response, 200, resourceOf(objects.name, state.object));
      return;
    }
    const { receivedBytes } = state;
    response
      .writeHead(308, { ...(receivedBytes > 0 && { Range: `bytes=0-${receivedBytes - 1}` }), 'Content-Length': 0 })
      .end();
    return;
  }
  const name = query['name'];
  if (name === undefined) throw new ApiFailure(400, 'required', 'Required parameter: name');
  const what = `${objects.name}/${name}`;
  demand('storage.objects.create', what);
  if (objects.find(name) !== undefined && conditions.ifGenerationMatch !== '0') demand('storage.objects.delete', what);
  switch (query['uploadType']) {
    case 'multipart': {
      const stored = await uploads.multipart(request, name, conditions, fault);
      sendJson(response, 200, resourceOf(objects.name, stored));
      return;
    }
    case 'resumable': {
      const session = await uploads.open(request, name, conditions);
      const location = `http://${request.headers.host ?? ''}${request.url ?? ''}&upload_id=${session}`;
      response.writeHead(200, { Location: location, 'X-GUploader-UploadID': session, 'Content-Length': 0 }).end();
      return;
    }
    default:
      throw new ApiFailure(400, 'invalid', 'Invalid uploadType.');
  }
}

/** As many names as one request may ask for. */
const MAX_PAGE = 1000;

function page(objects: BucketObjects, query: Record<string, string | undefined>) {
  const all = objects.names(query['prefix']);
  const token = query['pageToken'];
  const after = token === undefined ? undefined : Buffer.from(token, 'base64url').toString();
  const from =
    after === undefined ? 0 : all.findIndex((name) => Buffer.compare(Buffer.from(name), Buffer.from(after)) > 0);
  const limit = Math.min(Number(query['maxResults'] ?? MAX_PAGE), MAX_PAGE);
  const names = from === -1 ? [] : all.slice(from, from + limit);
  const last = names.at(-1);
  const isMore = last !== undefined && last !== all.at(-1);
  return {
    kind: 'storage#objects',
    ...(isMore && { nextPageToken: Buffer.from(last).toString('base64url') }),
    items: names.map((name) => resourceOf(objects.name, objects.get(name))),
  };
}

function resourceOf(bucket: string, object: StoredObject) {
  const { name, generation, metageneration, sizeBytes, md5, createdMs, updatedMs } = object;
  const { contentType, contentEncoding, cacheControl, customTime, metadata } = object;
  return {
    ...{ kind: 'storage#object', id: `${bucket}/${name}/${generation}`, name, bucket },
    ...{
      generation: String(generation),
      metageneration: String(metageneration),
      size: String(sizeBytes),
      md5Hash: md5,
    },
    ...{ storageClass: 'STANDARD', etag: `${generation}/${metageneration}` },
    ...{ timeCreated: new Date(createdMs).toISOString(), updated: new Date(updatedMs).toISOString() },
    ...{ contentType, contentEncoding, cacheControl, customTime, metadata },
  };
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response
    .writeHead(status, { 'Content-Type': 'application/json; charset=UTF-8', 'Content-Length': body.length })
    .end(body);
}

/** An error in the form that all of Google's JSON APIs have. */
export function sendFailure(response: ServerResponse, { status, reason, message }: Omit<ApiFailure, 'name'>): void {
  const error = { code: status, message, errors: [{ message, domain: 'global', reason }] };
  sendJson(response, status, { error });
}
