import type { Logger } from 'pino';
import { type BlobStore, StorageError } from '../storage/blob-store.ts';
import { objectKey } from '../storage/object-key.ts';

/** What keeps this process from serving pulls, in words for whoever runs it. */
export interface Problem {
  readonly kind: 'starting' | 'stopping' | 'store-unreachable' | 'store-full' | 'store-read-only';
  readonly message: string;
}

export interface Readiness {
  /** None when pulls can be served. The store is asked at most once a second, however many ask for this. */
  problems(): Promise<readonly Problem[]>;
  /** Nothing makes it ready again. */
  stop(): void;
}

/** Probes of Cloud Run wait for a second. */
const PATIENCE_MS = 800;
const REMEMBERED_MS = 1_000;

/** No blob has it: to ask for it takes the same way as a pull, and finds nothing. */
const NO_BLOB = objectKey('layers', '0'.repeat(64));

function problemOf(error: unknown): Problem {
  switch (error instanceof StorageError ? error.trouble : undefined) {
    case 'full':
      return { kind: 'store-full', message: 'the store is full: what it has is served, nothing new can be made' };
    case 'read-only':
      return { kind: 'store-read-only', message: 'the store cannot be written to: what it has is served, nothing new' };
    default:
      return { kind: 'store-unreachable', message: 'the store does not answer' };
  }
}

export function readiness(world: {
  readonly store: Pick<BlobStore, 'name' | 'stat' | 'tryWriting'>;
  readonly log: Pick<Logger, 'warn'>;
  /** A clock that never goes back. */
  readonly nowMs?: () => number;
}): Readiness {
  const { store, log, nowMs = () => performance.now() } = world;
  let stopping = false;
  let asked: { readonly atMs: number; readonly problem: Promise<Problem | undefined> } | undefined;

  async function askStore(): Promise<Problem | undefined> {
    const options = { signal: AbortSignal.timeout(PATIENCE_MS) };
    try {
      await store.stat(NO_BLOB, options);
      await store.tryWriting?.(options);
      return undefined;
    } catch (error) {
      const problem = problemOf(error);
      // What exactly is for the log: this is told to everybody.
      log.warn({ err: error }, problem.message);
      return problem;
    }
  }

  return {
    async problems() {
      if (stopping) return [{ kind: 'stopping', message: 'the process has been told to stop' }];
      if (asked === undefined || nowMs() - asked.atMs >= REMEMBERED_MS) {
        asked = { atMs: nowMs(), problem: askStore() };
      }
      const problem = await asked.problem;
      return problem === undefined ? [] : [problem];
    },
    stop() {
      stopping = true;
    },
  };
}
