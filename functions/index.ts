import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { http } from '@google-cloud/functions-framework';
import { budget } from './access/budget.ts';
import { imageBuilder } from './builder/image-builder.ts';
import { ALWAYS, imageMaker } from './builder/image-maker.ts';
import { admitBy, packagePolicy } from './builder/package-policy.ts';
import { packageFinder } from './builder/packages.ts';
import { roomyMaker } from './builder/roomy-maker.ts';
import { composeAccess } from './compose-access.ts';
import { composeRoom } from './compose-room.ts';
import { composeStorage } from './compose-store.ts';
import { type Config, parseConfig } from './config.ts';
import { audit } from './http/audit.ts';
import { answerBeforeFramework } from './http/before-framework.ts';
import { answerBrokenRequests, limitConnections } from './http/connections.ts';
import { type Handler, handler } from './http/handler.ts';
import { stopAtSignals, whenListening } from './http/server.ts';
import { findCompressor } from './layer/find-compressor.ts';
import { sharedLayerThreads } from './layer/layer-threads.ts';
import { createLog } from './log.ts';
import { expressionsDigest } from './nix/expressions.ts';
import { folderSource } from './nix/folder-source.ts';
import { channelSource, gitSource } from './nix/git-source.ts';
import { LATEST, type PackageSource } from './nix/source.ts';
import { toldToOperator } from './operator-error.ts';
import { readiness } from './registry/readiness.ts';
import { registry } from './registry/registry.ts';
import { pulledTags } from './registry/tags.ts';
import { knownBlobs } from './storage/known-blobs.ts';
import { leases } from './storage/leases.ts';

const HOUR_MS = 60 * 60 * 1000;

function packageSource({ packages, nix }: Config): PackageSource | Promise<PackageSource> {
  switch (packages.kind) {
    case 'channel':
      return channelSource(packages.channel, nix);
    case 'git':
      return gitSource(packages.url, nix);
    case 'folder':
      return folderSource(packages.path);
    default:
      throw new RangeError(`no such package source: ${String(packages satisfies never)}`);
  }
}

async function compose(config: Config): Promise<Handler> {
  const log = createLog(config.logFormat);
  const { gate, description: access } = await composeAccess(config.access, log);
  const compressor = findCompressor(config.builder.compression);
  const { store, signer } = await composeStorage(config.storage, log);
  const source = await packageSource(config);
  const [expressions] = await Promise.all([
    expressionsDigest(config.nix.expressions),
    // A folder is hashed now, so that no pull waits for that.
    source.isLocal ? source.pin(LATEST) : undefined,
  ]);

  const known = knownBlobs(store);
  const policy =
    config.access.policy.allow || config.access.policy.deny.length > 0
      ? packagePolicy(config.access.policy)
      : undefined;
  const nix = { ...config.nix, admit: policy && admitBy(policy, ALWAYS) };
  const packages = packageFinder({ store, nix, expressions });
  const held = leases({ store, log });
  const room = await composeRoom(config.nix, log);
  // After all that may end this process.
  const threads = sharedLayerThreads(compressor.name);
  const maker = imageMaker({ store, known, compressor, threads, packages, leases: held, policy });
  const { pinForMs, maxQueue, maxBuilds = availableParallelism() } = config.builder;
  const limits = { timeoutMs: config.nix.timeoutMs, maxBuilds, maxQueue, pinForMs };
  const images = imageBuilder({
    store,
    known,
    source,
    maker: room ? roomyMaker(maker, room) : maker,
    log,
    limits,
    leases: held,
    policy,
  });
  const ready = readiness({ store, log });
  const handle = handler({
    registry: registry({ store, known, images, tags: pulledTags(store), signer }),
    gate,
    addresses: config.access.addresses,
    log,
    audit: audit(log, config.project),
    readiness: ready,
    builds: budget({ size: config.builder.maxBuildsPerHour, perMs: HOUR_MS }),
    holdMs: config.builder.holdMs,
  });
  whenListening(limitConnections, (server, port) => {
    answerBeforeFramework(server, handle);
    answerBrokenRequests(server);
    const stop = () => {
      ready.stop();
      return Promise.all([images.stop(), threads.started()]);
    };
    stopAtSignals(server, stop, log);
    const signing = signer?.description;
    const about = { packages: source.description, store: store.name, signing, compression: compressor.name, access };
    log.info({ port, ...about }, 'ready');
    threads.warmUp().catch((error: unknown) => {
      log.error({ err: error }, 'cannot make layers');
    });
    if (config.logFormat === 'text') process.stdout.write(`\nTry it:  docker run --rm localhost:${port}/hello\n\n`);
  });
  return handle;
}

try {
  const programFolder = fileURLToPath(new URL('..', import.meta.url));
  const config = parseConfig(process.env, { programFolder, terminal: process.stdout.isTTY });
  http('registry', await compose(config));
} catch (error) {
  process.stderr.write(`nixery-run cannot start: ${toldToOperator(error)}\n`);
  process.exit(1);
}
