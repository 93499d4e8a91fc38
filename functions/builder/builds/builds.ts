import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { type BuildLog, buildLog } from './log.ts';
import { type Asker, type BuildSummary, type RecentBuild, type TraceParent, summaryOf } from '../build-record.ts';
import { failureMessage } from '../outcome.ts';
import type { ImageOutcome } from '../outcome.ts';
import { recordOf, sharedBuilds } from './shared.ts';
import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';

/** A build, for whoever wants to watch it. */
export interface WatchedBuild {
  readonly summary: BuildSummary;
  /** Where its log grows; undefined for a build of another instance, of which the end is known alone. */
  readonly live?: BuildLog | undefined;
  readonly log: { readonly lines: readonly string[]; readonly lost: number };
}

/** A build that goes on here, for whoever makes it. */
export interface RunningBuild {
  readonly log: BuildLog;
  /** This instance is the one that makes it, once it has its turn: it tells the others from now on. */
  claim(): void;
  /** It has its turn and begins; claimed, if it was not before. */
  run(): void;
  /** Another instance made it, or had: what is to be told of it, that one tells. Nothing happens when it ended here. */
  leave(outcome: ImageOutcome): void;
  /** @param outcome undefined when it was ended for a fault of ours, or because this process stops */
  end(outcome: ImageOutcome | undefined): void;
}

/** The builds of this instance, and what the others tell of theirs. */
export interface Builds {
  begin(id: string, asker: Asker, revision: string): RunningBuild;
  find(id: string, options?: IoOptions): Promise<WatchedBuild | undefined>;
  /** Running ones first, then the newest first. */
  recent(options?: IoOptions): Promise<readonly BuildSummary[]>;
  /** How many of them are in which state here, in this moment. */
  counts(): { readonly waiting: number; readonly running: number };
  /** Who watches is to go. */
  readonly closed: AbortSignal;
  /** Resolves when all that was to be told is told. */
  stop(): Promise<void>;
}

/** Ended builds that are remembered, and the characters of all their logs. */
const MAX_ENDED = 100;
const MAX_ENDED_CHARACTERS = 4 * 1024 * 1024;
/** Before lines that no build printed. */
const MARK = '»';
/** What is made sooner is not told to other instances: nobody watches it, and telling is a write. */
const TELL_AFTER_MS = 1_000;
/** How often a running build is told of. */
const TELL_EVERY_MS = 3_000;

interface Entry {
  summary: RecentBuild;
  /** It was made by another instance, which may have told more. */
  isElsewhere?: boolean;
  readonly log: BuildLog;
}

export function builds(world: {
  readonly store: BlobStore;
  readonly log: Pick<Logger, 'warn'>;
  /** Is told of every build that was made here, or was to be. */
  readonly ended?: (build: RecentBuild, trace: TraceParent | undefined) => void;
  /** The time, for who reads it. */
  readonly nowMs?: () => number;
  /** A clock that never goes back, for how long things take. */
  readonly elapsedMs?: () => number;
}): Builds {
  const { nowMs = Date.now, elapsedMs = () => performance.now() } = world;
  const shared = sharedBuilds(world.store);
  const open = new Map<string, Entry>();
  const ended = new LRUCache<string, Entry>({
    max: MAX_ENDED,
    maxSize: MAX_ENDED_CHARACTERS,
    sizeCalculation: ({ log }) => log.characters + 1,
  });
  const telling = new Set<Promise<void>>();
  const closed = new AbortController();

  function tell(entry: Entry, list: boolean): Promise<void> {
    return shared.tell(recordOf(entry, nowMs()), { list }).catch((error: unknown) => {
      world.log.warn({ err: error, build: entry.summary.id }, 'a build cannot be told to other instances');
    });
  }

  function begin(id: string, { trace, ...asker }: Asker, revision: string): RunningBuild {
    const log = buildLog();
    const startedMs = nowMs();
    const begunMs = elapsedMs();
    const entry: Entry = {
      log,
      summary: { id, ...asker, revision, state: 'waiting', startedMs, atMs: startedMs },
    };
    open.set(id, entry);
    log.say(`${MARK} ${asker.repository}:${asker.reference} at revision ${revision}`);
    let told = Promise.resolve();
    let isTold = false;
    let isClaimed = false;
    let isClosed = false;
    let timer: NodeJS.Timeout | undefined;

    function tellNext(list: boolean): void {
      const next = told.then(() => tell(entry, list)).finally(() => telling.delete(next));
      telling.add(next);
      told = next;
    }
    function tellAgain(): void {
      tellNext(!isTold);
      isTold = true;
      // A store that answers slowly is told less often.
      told = told.then(() => {
        if (!isClosed) timer = setTimeout(tellAgain, TELL_EVERY_MS).unref();
      });
    }
    function claim(): void {
      if (isClaimed || isClosed) return;
      isClaimed = true;
      timer = setTimeout(tellAgain, TELL_AFTER_MS).unref();
    }
    function conclude(outcome: ImageOutcome | undefined): RecentBuild {
      const state = outcome === undefined ? 'stopped' : outcome.kind === 'image' ? 'made' : 'failed';
      const message = outcome === undefined ? undefined : failureMessage(outcome);
      const endedMs = startedMs + (elapsedMs() - begunMs);
      entry.summary = { ...entry.summary, state, endedMs, ...(message !== undefined && { message }) };
      return entry.summary;
    }
    function close(): void {
      isClosed = true;
      clearTimeout(timer);
      log.end();
      if (open.get(id) === entry) open.delete(id);
    }

    return {
      log,
      claim,
      run() {
        claim();
        entry.summary = { ...entry.summary, state: 'running' };
        log.say(`${MARK} begins`);
      },
      leave(outcome) {
        if (isClosed) return;
        conclude(outcome);
        entry.isElsewhere = true;
        close();
        // What is known of its making here is more.
        if (!ended.has(id)) ended.set(id, entry);
      },
      end(outcome) {
        if (isClosed) return;
        const { state, endedMs = 0, message } = conclude(outcome);
        log.say(
          `${MARK} ${state} after ${((endedMs - startedMs) / 1000).toFixed(1)} s${message ? `: ${message}` : ''}`,
        );
        close();
        ended.set(id, entry);
        world.ended?.(entry.summary, trace);
        // Of what another instance makes, that one tells.
        if (isClaimed && (isTold || state !== 'made')) tellNext(true);
      },
    };
  }

  return {
    begin,
    async find(id, options) {
      const entry = open.get(id) ?? ended.get(id);
      const record = entry === undefined || entry.isElsewhere ? await shared.find(id, options) : undefined;
      if (record !== undefined) {
        return { summary: summaryOf(record, nowMs()), log: { lines: record.log, lost: record.lost } };
      }
      if (entry === undefined) return undefined;
      const { lines, lost } = entry.log.from(0);
      return { summary: entry.summary, live: entry.log, log: { lines, lost } };
    },
    async recent(options) {
      const own = [...open.values(), ...ended.values()].map(({ summary }) => summary);
      const known = new Set(own.map(({ id }) => id));
      const others = (await shared.recent(options)).filter(({ id }) => !known.has(id));
      const all: BuildSummary[] = [...own, ...others.map((build) => summaryOf(build, nowMs()))];
      const rank = ({ state }: BuildSummary) => (state === 'running' ? 0 : state === 'waiting' ? 1 : 2);
      return all.sort((a, b) => rank(a) - rank(b) || b.startedMs - a.startedMs);
    },
    counts() {
      const states = [...open.values()].map(({ summary }) => summary.state);
      const count = (wanted: string) => states.filter((state) => state === wanted).length;
      return { waiting: count('waiting'), running: count('running') };
    },
    closed: closed.signal,
    async stop() {
      closed.abort();
      while (telling.size > 0) await Promise.all(telling);
    },
  };
}
