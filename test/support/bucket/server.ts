import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Access, GET_ACCESS_TOKEN, OBJECT_USER, SIGN_BLOB } from './access.ts';
import { sendContent } from './content.ts';
import { type FaultRule, Faults } from './faults.ts';
import { jsonApi, sendFailure, sendJson } from './json-api.ts';
import { ApiFailure, BucketObjects } from './objects.ts';
import { anonymousFailure, isSigned, verifySignedUrl, XmlFailure, xmlOf } from './signed-url.ts';
import { Uploads } from './upload.ts';

/** A request as the bucket saw it. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  /** The answer's; 0 for a connection that was cut. */
  readonly status: number;
}

/** A bucket, and as much of Google as lies around it: metadata server, tokens, signBlob, generateAccessToken. */
export interface BucketDouble extends AsyncDisposable {
  readonly bucket: string;
  /** `http://localhost:PORT`: the JSON API, the XML API (by path) and IAM Credentials. */
  readonly endpoint: string;
  /** `localhost:PORT`, for `GCE_METADATA_HOST`. */
  readonly metadataHost: string;
  /** The account that the metadata server gives tokens of. */
  readonly account: string;
  /** An account that may read objects, and its key (PEM). */
  readonly signer: { readonly account: string; readonly privateKey: string };
  readonly objects: BucketObjects;
  readonly access: Access;
  readonly requests: SeenRequest[];
  addFault(rule: FaultRule): void;
  clearFaults(): void;
  /** Lets the bucket's clock go ahead. */
  advanceMs(ms: number): void;
  readonly nowMs: () => number;
  /** Makes the bucket appear or disappear. */
  setExists(exists: boolean): void;
}

export interface BucketDoubleOptions {
  readonly bucket?: string;
  readonly port?: number;
}

/** The environment of a process that uses the bucket as if it ran at Google. */
export function environmentOf(double: BucketDouble): Record<string, string> {
  return {
    BUCKET: double.bucket,
    GCS_API_ENDPOINT: double.endpoint,
    GCE_METADATA_HOST: double.metadataHost,
    METADATA_SERVER_DETECTION: 'assume-present',
  };
}

const ACCOUNT = 'registry@example.iam.gserviceaccount.com';
const SIGNER = 'signer@example.iam.gserviceaccount.com';

/** Starts a bucket that real clients talk to over HTTP. */
export async function startBucket({
  bucket = 'team-bucket',
  port = 0,
}: BucketDoubleOptions = {}): Promise<BucketDouble> {
  let aheadMs = 0;
  let exists = true;
  const nowMs = () => Date.now() + aheadMs;
  const objects = new BucketObjects(bucket, nowMs);
  const uploads = new Uploads(objects);
  const access = new Access();
  const faults = new Faults();
  const requests: SeenRequest[] = [];
  const keys = accountKeys();
  const publicKeys = new Map([...keys].map(([account, { publicKey }]) => [account, publicKey]));
  access.grant(ACCOUNT, [...OBJECT_USER, `${SIGN_BLOB} ${ACCOUNT}`]);
  access.grant(SIGNER, ['storage.objects.get']);
  const world = { objects, uploads, access, exists: () => exists };

  async function xmlApi(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    fault: ReturnType<Faults['take']>,
  ) {
    const [, first = '', ...rest] = url.pathname.split('/');
    const name = decodeURIComponent(rest.join('/'));
    const { method = 'GET', url: target = '' } = request;
    if (first !== bucket || !exists) throw new XmlFailure(404, 'NoSuchBucket', 'The specified bucket does not exist.');
    if (!isSigned(url.searchParams)) throw anonymousFailure(bucket, name);
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    const account = verifySignedUrl(method, target, host, publicKeys, nowMs());
    if (!access.isGranted(account, 'storage.objects.get')) {
      throw new XmlFailure(403, 'AccessDenied', `${account} does not have storage.objects.get access to ${name}.`);
    }
    if (method !== 'GET' && method !== 'HEAD') throw new XmlFailure(405, 'MethodNotAllowed', 'GET and HEAD only.');
    const object = objects.find(name);
    if (object === undefined) throw new XmlFailure(404, 'NoSuchKey', 'The specified key does not exist.');
    await sendContent(request, response, object, fault);
  }

  function metadataServer(request: IncomingMessage, response: ServerResponse, path: string): void {
    if (request.headers['metadata-flavor'] !== 'Google')
      throw new ApiFailure(403, 'forbidden', 'Missing Metadata-Flavor.');
    const rest = path.replace(/^\/computeMetadata\/v1\/?/, '').replace(/\/$/, '');
    const send = (body: string, type = 'application/text') => {
      response.writeHead(200, { 'Metadata-Flavor': 'Google', 'Content-Type': type }).end(body);
    };
    const { token, expiresInS } = access.issueToken(ACCOUNT);
    const answers: Record<string, () => void> = {
      '': () => {
        send('instance/\nproject/\n');
      },
      instance: () => {
        send('service-accounts/\n');
      },
      'project/project-id': () => {
        send('example');
      },
      'universe/universe-domain': () => {
        send('googleapis.com');
      },
      'instance/service-accounts/default/email': () => {
        send(ACCOUNT);
      },
      'instance/service-accounts/default': () => {
        send(JSON.stringify({ email: ACCOUNT, aliases: ['default'], scopes: [] }), 'application/json');
      },
      'instance/service-accounts/default/token': () => {
        send(JSON.stringify({ access_token: token, expires_in: expiresInS, token_type: 'Bearer' }), 'application/json');
      },
    };
    const answer = answers[rest];
    if (answer === undefined) throw new ApiFailure(404, 'notFound', `Nothing at ${path}.`);
    answer();
  }

  async function signBlob(request: IncomingMessage, response: ServerResponse, account: string): Promise<void> {
    const caller = access.accountOf(request.headers.authorization);
    const key = keys.get(account);
    access.demand(caller, `${SIGN_BLOB} ${account}`, account);
    if (key === undefined) throw new ApiFailure(404, 'notFound', `No account ${account}.`);
    const { payload } = JSON.parse((await buffer(request)).toString()) as { payload: string };
    const signedBlob = sign('RSA-SHA256', Buffer.from(payload, 'base64'), key.privateKey).toString('base64');
    sendJson(response, 200, { keyId: 'double', signedBlob });
  }

  function generateAccessToken(request: IncomingMessage, response: ServerResponse, account: string): void {
    const caller = access.accountOf(request.headers.authorization);
    access.demand(caller, `${GET_ACCESS_TOKEN} ${account}`, account);
    const { token, expiresInS } = access.issueToken(account);
    const expireTime = new Date(Date.now() + expiresInS * 1000).toISOString();
    sendJson(response, 200, { accessToken: token, expireTime });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://double');
    const fault = faults.take(request);
    if (fault?.kind === 'hang') {
      // What comes is read, as the system behind a server does that has stopped.
      request.resume();
      return;
    }
    if (fault?.kind === 'slow') await sleep(fault.delayMs);
    if (fault?.kind === 'status') throw new ApiFailure(fault.status, fault.reason, fault.message);
    if (fault?.kind === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault?.kind === 'lost-answer') {
      response.writeHead = () => response;
      response.end = () => {
        request.socket.resetAndDestroy();
        return response;
      };
    }
    const asked = /^\/v1\/projects\/-\/serviceAccounts\/([^/:]+):(signBlob|generateAccessToken)$/.exec(url.pathname);
    const account = decodeURIComponent(asked?.[1] ?? '');
    if (asked?.[2] === 'signBlob') await signBlob(request, response, account);
    else if (asked?.[2] === 'generateAccessToken') generateAccessToken(request, response, account);
    else if (url.pathname.startsWith('/computeMetadata/')) metadataServer(request, response, url.pathname);
    else if (/^\/(?:resumable\/)?(?:upload\/)?storage\/v1\//.test(url.pathname))
      await jsonApi(world, request, response, url, fault);
    else await xmlApi(request, response, url, fault);
  }

  function refuse(response: ServerResponse, error: unknown): void {
    if (response.headersSent) response.destroy();
    else if (error instanceof XmlFailure) {
      response.writeHead(error.status, { 'Content-Type': 'application/xml; charset=UTF-8' }).end(xmlOf(error));
    } else if (error instanceof ApiFailure) sendFailure(response, error);
    else {
      process.stderr.write(`the bucket's double failed: ${String((error as Error).stack)}\n`);
      sendFailure(response, { status: 500, reason: 'internalError', message: String(error) });
    }
  }

  const server = createServer((request, response) => {
    const { method = '', url: target = '', headers } = request;
    response.once('close', () => {
      requests.push({ method, target, headers, status: response.headersSent ? response.statusCode : 0 });
    });
    answer(request, response).catch((error: unknown) => {
      if (request.socket.destroyed) return;
      request.resume();
      refuse(response, error);
    });
  });
  server.requestTimeout = 0;
  server.listen(port);
  await once(server, 'listening');
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  return {
    bucket,
    endpoint: `http://${host}`,
    metadataHost: host,
    account: ACCOUNT,
    signer: { account: SIGNER, privateKey: keys.get(SIGNER)?.privateKey ?? '' },
    objects,
    access,
    requests,
    addFault: (rule) => {
      faults.add(rule);
    },
    clearFaults: () => {
      faults.clear();
    },
    advanceMs: (ms) => {
      aheadMs += ms;
    },
    nowMs,
    setExists: (value) => {
      exists = value;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      uploads.close();
    },
  };
}

let keysOfProcess: Map<string, { readonly publicKey: string; readonly privateKey: string }> | undefined;

/** Made once in a process: a key takes a tenth of a second. */
function accountKeys() {
  keysOfProcess ??= new Map([ACCOUNT, SIGNER].map((account) => [account, newKey()]));
  return keysOfProcess;
}

function newKey(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}
