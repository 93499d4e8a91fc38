import type { BlobStore, IoOptions } from '../../storage/blob-store.ts';
import { objectKey } from '../../storage/object-key.ts';
import { findRecord, overwriteRecord } from '../../storage/record.ts';
import {
  type BuildRecord,
  buildRecordSchema,
  RECENT_BUILDS,
  type RecentBuild,
  recentBuildSchema,
  recentBuildsSchema,
} from '../build-record.ts';
import type { BuildLog } from './log.ts';

/** What instances tell each other of builds, through the store. */
interface SharedBuilds {
  find(id: string, options?: IoOptions): Promise<BuildRecord | undefined>;
  /** Newest first. */
  recent(options?: IoOptions): Promise<readonly RecentBuild[]>;
  /** Writes a build, and puts it into the list of recent ones where it is new or has ended. */
  tell(build: BuildRecord, options?: IoOptions & { readonly list: boolean }): Promise<void>;
}

const MAX_RECENT = 50;
/** Writers of the list at once may each be overtaken; after that, one build is not in it. */
const MAX_ATTEMPTS = 10;
/** How far the clocks of instances may be apart. */
const MAX_SKEW_MS = 60_000;

export function sharedBuilds(store: BlobStore): SharedBuilds {
  async function readRecent(options: IoOptions) {
    return findRecord(store, RECENT_BUILDS, recentBuildsSchema, options);
  }

  async function enlist(build: RecentBuild, options: IoOptions): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const found = await readRecent(options);
      const others = found.kind === 'found' ? found.value.builds.filter(({ id }) => id !== build.id) : [];
      // What began in the future was dated by a clock that was wrong: it is not to stand before all others until then.
      const order = ({ startedMs }: RecentBuild) => (startedMs > build.atMs + MAX_SKEW_MS ? 0 : startedMs);
      const builds = [build, ...others].sort((a, b) => order(b) - order(a)).slice(0, MAX_RECENT);
      if (await overwriteRecord(store, RECENT_BUILDS, { version: 1, builds }, found, options)) return;
    }
  }

  return {
    async find(id, options = {}) {
      const found = await findRecord(store, objectKey('builds', id), buildRecordSchema, options);
      return found.kind === 'found' ? found.value : undefined;
    },
    async recent(options = {}) {
      const found = await readRecent(options);
      return found.kind === 'found' ? found.value.builds : [];
    },
    async tell(build, { list = false, signal } = { list: false }) {
      const key = objectKey('builds', build.id);
      const found = await findRecord(store, key, buildRecordSchema, { signal });
      await overwriteRecord(store, key, build, found, { signal });
      if (!list) return;
      // The schema leaves out what is not of a summary: the log.
      await enlist(recentBuildSchema.parse(build), { signal });
    },
  };
}

/** Of a log other instances are told this much, from its end. */
const MAX_TOLD_CHARACTERS = 48 * 1024;

/** A build, as other instances are told of it. */
export function recordOf(
  { summary, log }: { readonly summary: RecentBuild; readonly log: Pick<BuildLog, 'from'> },
  atMs: number,
): BuildRecord {
  const { lines, lost } = log.from(0);
  let first = lines.length;
  let characters = 0;
  while (first > 0) {
    characters += lines[first - 1]?.length ?? 0;
    if (characters > MAX_TOLD_CHARACTERS) break;
    first--;
  }
  return { version: 1, ...summary, atMs, log: lines.slice(first), lost: lost + first };
}
