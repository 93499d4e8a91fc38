import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Builds, WatchedBuild } from '../builder/builds/builds.ts';
import type { Answer } from '../answers/answer.ts';
import { buildTitle, isOver, MAX_SHOWN_LINES } from './build-page.ts';
import { logPieces } from './log-line.ts';
import { STATES } from './words.ts';

/** Who follows at once, of one instance: each has a connection and a little memory. */
const MAX_FOLLOWERS = 200;
/** Lines are sent together that come within this time. */
const GATHER_MS = 100;
/** Something is said at least so often, so that nobody in between takes the connection for dead. */
const HEARTBEAT_MS = 15_000;
/** How often is looked at what another instance tells. */
const LOOK_MS = 2_000;
/** Lines of one event. */
const MAX_LINES = 500;

/**
 * The log of a build as it grows, as server-sent events (HTML, section 9.2). `lines` has the lines and how many before them
 * are gone, `state` how far it is, and `over` is the last. The id of an event is the position behind its lines: who comes
 * back with it (Last-Event-ID) misses nothing that is still kept.
 */
export function buildEvents(builds: Builds): {
  readonly answer: (id: string, position: number) => Answer | undefined;
  readonly followers: () => number;
} {
  let followers = 0;

  async function* events(id: string, position: number, gone: AbortSignal): AsyncGenerator<string, void, undefined> {
    const signal = AbortSignal.any([gone, builds.closed]);
    followers++;
    try {
      // A connection that was cut is made anew after two seconds.
      yield 'retry: 2000\n\n';
      let told = '';
      for (;;) {
        const build = await builds.find(id, { signal });
        if (build === undefined) return;
        const part = partOf(build, position);
        if (part.lines.length > 0 || part.lost > 0) {
          const lines = part.lines.map(logPieces);
          yield event('lines', { lines, lost: part.lost }, part.next);
        }
        position = part.next;
        const state = stateOf(build);
        if (JSON.stringify(state) !== told) yield event('state', state);
        told = JSON.stringify(state);
        if (isOver(build.summary) && !part.more) {
          yield event('over', {});
          return;
        }
        if (part.more) continue;
        yield* pause(build, position, signal);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      // Who left, or is to leave, is told nothing more.
    } finally {
      followers--;
    }
  }

  return {
    followers: () => followers,
    answer(id, position) {
      if (followers >= MAX_FOLLOWERS) return undefined;
      return {
        status: 200,
        headers: {
          'Content-Type': 'text/event-stream; charset=utf-8',
          'Cache-Control': 'no-store',
          'X-Content-Type-Options': 'nosniff',
          // Proxies that collect answers (nginx) leave this one alone.
          'X-Accel-Buffering': 'no',
        },
        body: { follow: (gone) => Readable.from(events(id, position, gone), { objectMode: true, highWaterMark: 1 }) },
      };
    },
  };
}

/** Waits until there may be more to say, and says meanwhile that the connection lives. */
async function* pause(build: WatchedBuild, position: number, signal: AbortSignal) {
  if (build.live === undefined) {
    await sleep(LOOK_MS, undefined, { signal });
    yield ':\n\n';
    return;
  }
  const beat = AbortSignal.timeout(HEARTBEAT_MS);
  await build.live.moreThan(position, AbortSignal.any([signal, beat]));
  if (beat.aborted) yield ':\n\n';
  else if (!build.live.ended) await sleep(GATHER_MS, undefined, { signal });
}

function partOf({ live, log }: WatchedBuild, position: number) {
  // Read anew: the build has gone on.
  const { lines, lost } = live?.from(0) ?? log;
  const end = lost + lines.length;
  const from = Math.min(end, Math.max(position, lost, position < end - MAX_SHOWN_LINES ? end - MAX_SHOWN_LINES : 0));
  const next = Math.min(end, from + MAX_LINES);
  return { lines: lines.slice(from - lost, next - lost), lost: Math.max(0, from - position), next, more: next < end };
}

function stateOf({ summary }: WatchedBuild) {
  return {
    state: summary.state,
    label: STATES[summary.state].label,
    title: buildTitle(summary),
    startedMs: summary.startedMs,
  };
}

function event(name: string, data: unknown, id?: number): string {
  // JSON has no line ends, so it is one line of the event.
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
