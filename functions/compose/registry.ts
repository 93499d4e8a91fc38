import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { budget } from '../access/budget.ts';
import type { Gate } from '../access/gate.ts';
import { builds } from '../builder/builds/builds.ts';
import { idleWork } from '../builder/idle/idle.ts';
import { imageBuilder } from '../builder/image-builder.ts';
import { SHELL } from '../builder/image-request.ts';
import { platformImages } from '../builder/platforms/platforms.ts';
import { ALWAYS, imageMaker } from '../builder/make/make.ts';
import { admitBy, packagePolicy } from '../builder/package-policy.ts';
import { packageIndexes } from '../builder/package-index.ts';
import { packageFinder } from '../builder/packages/packages.ts';
import { pins } from '../builder/pins.ts';
import { knownReferences, revisionTimes } from '../builder/revisions/revisions.ts';
import { packageSource } from './package-source.ts';
import { composePages } from './pages.ts';
import { composeCgroups } from './cgroups.ts';
import { composeStorage } from './store.ts';
import { composeWatch } from './watch.ts';
import type { Config } from '../config/config.ts';
import { type Handler, handler } from '../http/handler.ts';
import { findCompressor } from '../layer/compressors/compressors.ts';
import { sharedLayerThreads } from '../layer/threads/threads.ts';
import { layerPlanner } from '../layer/plan/plan.ts';
import { readPopularity } from '../layer/popularity.ts';
import type { Log } from '../log.ts';
import { expressionsDigest } from '../nix/expressions.ts';
import { nixAhead } from '../nix/ahead/ahead.ts';
import { openStoreRoom } from '../nix/room/room.ts';
import { LATEST } from '../nix/source.ts';
import { readiness } from '../registry/readiness.ts';
import { registry } from '../registry/registry.ts';
import { pulledTags } from '../registry/tags.ts';
import { knownBlobs } from '../storage/known-blobs.ts';
import { leases } from '../storage/leases.ts';

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;

/** From `ready` to the start of the threads that make layers. */
const WARM_UP_AFTER_MS = 300;
/** From there, and what is loaded then, to an evaluation for the first image. */
const PREPARE_AFTER_MS = 1_000;

/** The registry, ready to answer. */
export interface ComposedRegistry {
  readonly handle: Handler;
  /** What it is made of, in words for the log. */
  readonly description: Readonly<Record<string, string | undefined>>;
  /** Lets what makes images run before it is needed, and Nix begin to evaluate, so that no pull waits for that. */
  warmUp(): Promise<void>;
  /** Ends what goes on without a request. */
  stop(): Promise<void>;
}

/**
 * The registry that was configured, proved to be usable.
 *
 * @param world.folder of this program's files
 * @throws OperatorError
 */
export async function composeRegistry(
  config: Config,
  { gate, log, folder }: { gate: Gate; log: Log; folder: string },
): Promise<ComposedRegistry> {
  const { compression, maxLayers, popularityUrl } = config.builder;
  const compressor = findCompressor(compression);
  const { store, signer } = await composeStorage(config.storage, log);
  const popularity = popularityUrl === undefined ? undefined : await readPopularity(popularityUrl);
  const planner = layerPlanner({ maxLayers, popularity });
  const source = await packageSource(config, log);
  const [expressions, latest] = await Promise.all([
    expressionsDigest(config.nix.expressions),
    // A folder is hashed now, so that no pull waits for that.
    source.isLocal ? source.pin(LATEST) : undefined,
  ]);

  const known = knownBlobs(store);
  const { patient = store } = store;
  const policy =
    config.access.policy.allow || config.access.policy.deny.length > 0
      ? packagePolicy(config.access.policy)
      : undefined;
  const cgroups = await composeCgroups(config.nix, log);
  const { fetchEnvironment } = source;
  const nix = { ...config.nix, cgroups, fetchEnvironment, admit: policy && admitBy(policy, ALWAYS) };
  const { timeoutMs, evaluatesAhead, storeLimitBytes } = config.nix;
  const isStoreSmall = storeLimitBytes !== undefined;
  const { systems } = config.builder;
  const ahead = evaluatesAhead ? nixAhead(nix, { log, timeoutMs, isStoreSmall, systems }) : undefined;
  const packages = packageFinder({ store: patient, nix, ahead, expressions });
  const held = leases({ store, log });
  const room =
    storeLimitBytes === undefined
      ? undefined
      : await openStoreRoom(config.nix, {
          limitBytes: storeLimitBytes,
          beforeCollecting: async () => ahead?.end(),
          log,
        });
  // After all that may end this process.
  const threads = sharedLayerThreads(compressor.name);
  const idle = idleWork();
  const maker = idle.endedBy(
    imageMaker({
      ...{ store: patient, known, compressor, threads, packages, leases: held, policy, planner },
      times: revisionTimes(patient),
    }),
  );
  const { pinForMs, maxQueue, maxBuilds = availableParallelism() } = config.builder;
  const limits = { timeoutMs, maxBuilds, maxQueue, pinForMs };
  const watch = composeWatch(config, { log, store, counts: () => watched.counts() });
  const watched = builds({
    store,
    log,
    ended: (build, trace) => {
      watch.buildEnded(build, trace);
    },
  });
  const references = pins({ store, source, log, pinForMs });
  const images = imageBuilder({
    store,
    known,
    source,
    pins: references,
    ...{ maker, room },
    log,
    limits,
    leases: held,
    builds: watched,
    policy,
  });
  const indexes = packageIndexes({
    store,
    nix,
    source,
    pins: references,
    leases: held,
    log,
  });
  const ready = readiness({ store, log });
  const named = platformImages({ store, images, pins: references, log });
  const answers = registry({
    ...{ store, known, images: named, systems, tags: pulledTags(store), signer },
    references: knownReferences({ store, source, log, pinForMs }),
  });
  const unknown = budget({ size: config.builder.maxUnknownPerMinute, perMs: MINUTE_MS });
  const perHour = budget({ size: config.builder.maxBuildsPerHour, perMs: HOUR_MS });
  const handle = handler({
    registry: answers,
    gate,
    addresses: config.access.addresses,
    log,
    audit: watch.audit,
    observe: (route, status) => {
      watch.observe(route, status);
    },
    readiness: ready,
    builds: perHour,
    lookUps: unknown,
    pages: composePages(
      {
        ...{ registry: answers, images, systems, indexes, builds: watched, store, policy, budget: perHour },
        metrics: () => watch.metrics(),
      },
      config.pages.folder,
    ),
    publicOrigin: config.pages.publicOrigin,
    holdMs: config.builder.holdMs,
  });
  return {
    handle,
    description: {
      packages: source.description,
      store: store.name,
      signing: signer?.description,
      compression: compressor.name,
    },
    async warmUp() {
      // What is asked for at once is composed sooner while the threads do not start beside it.
      await sleep(WARM_UP_AFTER_MS, undefined, { ref: false });
      await threads.warmUp();
      // A temporary folder that cannot be written harms nobody but the first image, a little.
      await idle.rehearse({ compressor, threads, planner, folder }).catch((error: unknown) => {
        log.warn({ err: error }, 'cannot rehearse an image: the first will take a little longer');
      });
      await watch.load();
      // Last, since an instance that serves what is known never needs it. Where an image is being made, the next evaluation
      // is begun after that. Of a remote source nothing is fetched before somebody asks.
      await sleep(PREPARE_AFTER_MS, undefined, { ref: false });
      if (latest?.kind !== 'pinned' || ahead === undefined) return;
      const shell = { source, revision: latest.revision, system: systems[0], attributes: SHELL, always: ALWAYS };
      const { waiting, running } = watched.counts();
      if (waiting + running === 0) packages.prepare(shell);
      if (nix.importFromDerivation === 'allow') return;
      for (const system of systems) {
        await idle
          .run((signal) => packages.findBuilt({ ...shell, system }, { signal, timeoutMs }))
          .catch((error: unknown) => {
            const consequence = 'the first image will take a little longer';
            log.warn({ err: error }, `cannot find out beforehand what a shell is: ${consequence}`);
          });
      }
    },
    async stop() {
      ready.stop();
      await Promise.all([named.stop(), indexes.stop(), threads.settled(), idle.end(), ahead?.stop()]);
      await cgroups?.close();
      await watch.stop();
    },
  };
}
