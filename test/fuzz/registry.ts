import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { budget } from '../../functions/access/budget.ts';
import { parseCredentials } from '../../functions/access/credentials.ts';
import { privateGate } from '../../functions/access/gate.ts';
import { platformImages } from '../../functions/builder/platforms/platforms.ts';
import { knownReferences } from '../../functions/builder/revisions/revisions.ts';
import { pins } from '../../functions/builder/pins.ts';
import { imageBuilder } from '../../functions/builder/image-builder.ts';
import type { ImageMaker, MadeImage } from '../../functions/builder/make/make.ts';
import { imageObject, imageRecordSchema } from '../../functions/builder/image.ts';
import { audit } from '../../functions/http/audit.ts';
import { handler } from '../../functions/http/handler.ts';
import { BuildFailedError } from '../../functions/nix/realise/realise.ts';
import type { PackageSource } from '../../functions/nix/source.ts';
import { readiness } from '../../functions/registry/readiness.ts';
import { registry } from '../../functions/registry/registry.ts';
import { pulledTags } from '../../functions/registry/tags.ts';
import { folderStore } from '../../functions/storage/folder/store.ts';
import { prepareFolder } from '../../functions/storage/folder/prepare.ts';
import { leases } from '../../functions/storage/leases.ts';
import { knownBlobs } from '../../functions/storage/known-blobs.ts';
import { findRecord } from '../../functions/storage/record.ts';
import { type HttpServer, serve } from '../support/http/server.ts';
import { type StoredSample, storeImage } from '../support/store/stored-image.ts';

/** A private registry in this process, over a folder, whose builds take no time. */
export interface FuzzedRegistry extends AsyncDisposable {
  readonly server: HttpServer;
  readonly image: StoredSample;
  /** Right credentials. */
  readonly authorization: string;
  /** What lies beside the store, and must never be in an answer. */
  readonly canary: string;
  /** Errors that nobody expected. */
  readonly faults: string[];
  /** Names beside the store that were not there at first. */
  strayFiles(): Promise<string[]>;
}

const REVISION = 'a'.repeat(40);
const PACKAGES = ['git', 'jq', 'bashInteractive', 'coreutils', 'moreutils', 'nano'];
const source: PackageSource = {
  description: 'made up',
  identity: { kind: 'made-up' },
  isLocal: true,
  isFixed: true,
  pin: (reference) =>
    Promise.resolve(
      ['latest', REVISION].includes(reference)
        ? { kind: 'pinned', revision: REVISION }
        : { kind: 'unknown', message: `there is no ${reference}` },
    ),
  at: () => ({ kind: 'folder', path: '/nowhere' }),
  references: () => Promise.resolve([]),
  confirm: () => Promise.resolve(),
};

export async function fuzzedRegistry(): Promise<FuzzedRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'nixery-fuzz-'));
  const canary = 'the-canary-sings';
  await mkdir(join(folder, 'store'));
  await writeFile(join(folder, 'canary'), canary);
  await prepareFolder(join(folder, 'store'));
  const store = folderStore(join(folder, 'store'));
  const image = await storeImage(store, ['git', 'jq'], { revision: REVISION });

  const maker: ImageMaker = {
    check: () => Promise.resolve(undefined),
    keyOf: ({ request, revision }) =>
      createHash('sha256')
        .update(`${request.attributes.join('/')} ${revision}`)
        .digest('hex'),
    async make(order) {
      const { attributes } = order.request;
      await sleep(1);
      if (attributes.includes('fails')) throw new BuildFailedError(['\u001b[31mit says why', 'error: it fails']);
      if (attributes.includes('denied')) return { kind: 'denied', message: 'denied may not be pulled' };
      const unknown = attributes.filter((one) => !PACKAGES.includes(one));
      if (unknown.length > 0) {
        const named = unknown.map((attribute) => ({ attribute, nearMatches: ['git'] }));
        return { kind: 'packages-unavailable', unknown: named, refused: [] };
      }
      await storeImage(store, attributes, { revision: order.revision });
      const found = await findRecord(store, imageObject(maker.keyOf(order)), imageRecordSchema);
      if (found.kind !== 'found') throw new Error(`no record of ${attributes.join('/')}`);
      return { kind: 'made', record: found.value, statistics: { evaluated: 0 } as MadeImage['statistics'] };
    },
  };

  const faults: string[] = [];
  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (about: { err?: unknown; target?: string }) => {
      const { err, target } = about;
      faults.push(`${String(target)}: ${err instanceof Error ? (err.stack ?? err.message) : String(err)}`);
    },
  };
  const known = knownBlobs(store);
  const limits = { timeoutMs: 5_000, maxBuilds: 4, maxQueue: 1_000, pinForMs: 60_000 };
  const references = pins({ store, source, log, pinForMs: limits.pinForMs });
  const images = imageBuilder({
    store,
    known,
    source,
    pins: references,
    maker,
    log,
    limits,
    leases: leases({ store, log }),
  });
  const token = 'nixery_of-the-fuzzer';
  const sha256 = createHash('sha256').update(token).digest('hex');
  const credentials = parseCredentials(JSON.stringify({ users: { ci: { tokens: [{ sha256 }] } } }));
  const failuresOf = () => budget({ size: 20, perMs: 1_000 });
  const server = await serve(
    handler({
      registry: registry({
        ...{ store, known, tags: pulledTags(store) },
        references: knownReferences({ store, source, log, pinForMs: limits.pinForMs }),
        images: platformImages({ images, pins: references, store, log }),
      }),
      gate: privateGate({
        credentials: { current: () => credentials },
        failures: { ofAddress: failuresOf(), ofUser: failuresOf() },
        log,
      }),
      addresses: { kind: 'forwarded', proxies: 0 },
      log,
      audit: audit(log, 'team'),
      readiness: readiness({ store, log }),
      builds: budget({ size: 1e6, perMs: 1_000 }),
      holdMs: 2_000,
    }),
  );
  return {
    server,
    image,
    authorization: `Basic ${Buffer.from(`ci:${token}`).toString('base64')}`,
    canary,
    faults,
    strayFiles: async () => (await readdir(folder)).filter((name) => !['store', 'canary'].includes(name)),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await images.stop();
      await rm(folder, { recursive: true });
    },
  };
}
