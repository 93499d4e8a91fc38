import type { BuildSummary } from '../builder/build-record.ts';
import type { WatchedBuild } from '../builder/builds/builds.ts';
import { type Html, html } from './html.ts';
import { logLine } from './log-line.ts';
import { duration, number, STATES } from './words.ts';

/** Lines of a log on a page; the script keeps to it, too. */
export const MAX_SHOWN_LINES = 2_000;

export function isOver({ state }: BuildSummary): boolean {
  return state !== 'running' && state !== 'waiting';
}

/** What the tab says. */
export function buildTitle(build: BuildSummary): string {
  const { sign, label } = STATES[build.state];
  return `${sign} ${build.repository} ${label} · nixery-run`;
}

function tookText(build: BuildSummary, nowMs: number): string {
  return duration((build.endedMs ?? (isOver(build) ? build.atMs : nowMs)) - build.startedMs);
}

export function imageAddress({ repository, reference }: Pick<BuildSummary, 'repository' | 'reference'>): string {
  return `/images/${repository}${reference === 'latest' ? '' : `?tag=${encodeURIComponent(reference)}`}`;
}

/** @param viewer who looks; whose builds others asked for, nobody is told */
export function buildMain(build: WatchedBuild, viewer: string | undefined, nowMs: number): Html {
  const { summary, log } = build;
  const lines = log.lines.slice(-MAX_SHOWN_LINES);
  const lost = log.lost + log.lines.length - lines.length;
  const position = log.lost + log.lines.length;
  return html` <p class="crumbs"><a href="/builds">Builds</a></p>
    <h1>${summary.repository}<span class="tag">:${summary.reference}</span></h1>
    <dl class="facts" id="facts">
      <div>
        <dt>State</dt>
        <dd>
          <span id="state" role="status"
            ><span class="state ${summary.state}">${STATES[summary.state].label}</span></span
          >
        </dd>
      </div>
      <div>
        <dt>Time</dt>
        <dd id="took">${tookText(summary, nowMs)}</dd>
      </div>
      <div>
        <dt>Revision</dt>
        <dd><code>${summary.revision}</code></dd>
      </div>
      ${
        summary.user !== undefined &&
        summary.user === viewer &&
        html`<div>
          <dt>Asked by</dt>
          <dd>you</dd>
        </div>`
      }
    </dl>
    <div id="ending">${buildEnding(summary)}</div>
    <h2>Log</h2>
    <p class="hint" id="lost" ${lost === 0 ? html`hidden` : ''}>The first ${number(lost)} lines are not shown.</p>
    <pre
      class="log"
      id="log"
      tabindex="0"
      role="log"
      aria-label="Log of the build"
      aria-live="off"
      data-events="/api/builds/${summary.id}/events"
      data-position="${position}"
      data-over="${isOver(summary) ? '1' : '0'}"
    >
${lines.map(logLine)}</pre>
    ${
      !build.live &&
      !isOver(summary) &&
      html`<p class="hint">Another instance makes this image and tells of it every few seconds.</p>`
    }`;
}

/** What is to be said of a build that is over. */
function buildEnding(summary: BuildSummary): Html | undefined {
  switch (summary.state) {
    case 'waiting':
    case 'running':
      return undefined;
    case 'made':
      return html`<p class="good">The image is made: <a href="${imageAddress(summary)}">what is in it</a>.</p>`;
    case 'failed':
      return html`<p class="problem">${summary.message ?? 'There is no image.'}</p>
        ${again(summary)}`;
    case 'stopped':
      return html`<p class="problem">
          The registry ended this build before it was done, or failed itself; its log says why. The next pull begins it
          again.
        </p>
        ${again(summary)}`;
    case 'lost':
      return html`<p class="problem">
          The instance that made this image has not been heard of for a while. The next pull begins it again.
        </p>
        ${again(summary)}`;
    default:
      throw new RangeError(`no such state: ${String(summary.state satisfies never)}`);
  }
}

function again(summary: BuildSummary): Html {
  return html`<p><a href="${imageAddress(summary)}">Try again from the image's page</a></p>`;
}

/** The list of builds. */
export function buildsMain(builds: readonly BuildSummary[], viewer: string | undefined, nowMs: number): Html {
  const rows = builds.map(
    (build) =>
      html`<li>
        <a href="/builds/${build.id}">${build.repository}<span class="tag">:${build.reference}</span></a>
        <span class="state ${build.state}">${STATES[build.state].label}</span>
        <span class="hint"
          >${tookText(build, nowMs)}${ago(build, nowMs)}${build.user !== undefined && build.user === viewer ? ', asked by you' : ''}</span
        >
      </li>`,
  );
  return html` <h1>Builds</h1>
    <p class="lead">
      What this instance makes and made lately; of other instances, what took more than a second or failed.
    </p>
    ${
      rows.length === 0
        ? html`<p class="empty">
            Nothing was built yet. <a href="/">Compose an image</a> and pull it, and its build is here.
          </p>`
        : html`<ul class="builds" id="builds" data-refresh="3000">
            ${rows}
          </ul>`
    }`;
}

function ago(build: BuildSummary, nowMs: number): string {
  return build.endedMs === undefined ? '' : `, ${duration(nowMs - build.endedMs)} ago`;
}
