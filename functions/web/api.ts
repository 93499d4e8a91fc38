import type { BuildSummary } from '../builder/build-record.ts';
import type { Builds, WatchedBuild } from '../builder/builds/builds.ts';
import type { PackageIndex } from '../builder/package-index.ts';
import type { Answer } from '../answers/answer.ts';
import { errorAnswer, unsupportedAnswer } from '../answers/error.ts';
import { json } from '../answers/json.ts';
import type { PageRequest } from '../answers/page.ts';
import type { System } from '../oci/platform.ts';
import type { Composing } from './composing/composing.ts';
import type { buildEvents } from './events.ts';
import { differingPackages, type Inspecting, type LookedInto } from './inspecting/inspecting.ts';
import { retryAfter } from './retry-after.ts';
import type { StartingBuilds } from './starting-builds.ts';

/** What changes is not to be kept by anybody. */
const HEADERS = { 'Cache-Control': 'no-store' };
const MAX_RESULTS = 200;
const DEFAULT_RESULTS = 30;

const ENDPOINTS = {
  search: '/api/search?q=WORDS&tag=TAG&platform=amd64|arm64&limit=N',
  name: '/api/name?name=NAME&tag=TAG',
  image: '/api/images/NAME?tag=TAG&with=OTHER',
  build: 'POST /api/images/NAME?tag=TAG',
  builds: '/api/builds',
  one: '/api/builds/ID',
  events: '/api/builds/ID/events',
};

/** The JSON behind the pages; `docs/api.md` describes it. */
export function api(world: {
  readonly builds: Builds;
  readonly compose: Composing;
  readonly inspect: Inspecting;
  readonly start: StartingBuilds;
  readonly events: ReturnType<typeof buildEvents>;
}): (request: PageRequest) => Answer | Promise<Answer> {
  const { builds, compose, inspect, start, events } = world;
  const ok = (value: unknown, status = 200) => json(status, value, HEADERS);

  async function search({ query, signal, lookUps }: PageRequest): Promise<Answer> {
    const limit = /^\d{1,3}$/.test(query.get('limit') ?? '') ? Number(query.get('limit')) : DEFAULT_RESULTS;
    const system: System = query.get('platform') === 'arm64' ? 'aarch64-linux' : 'x86_64-linux';
    const { index, found } = await compose.search(
      { words: query.get('q') ?? '', tag: query.get('tag') ?? 'latest', system, limit: Math.min(MAX_RESULTS, limit) },
      { signal, lookUps },
    );
    return json(statusOf(index), { ...indexJson(index), ...found }, { ...HEADERS, ...retryAfter(index) });
  }

  async function name({ query, origin, signal, lookUps }: PageRequest): Promise<Answer> {
    const typed = { name: query.get('name') ?? '', tag: query.get('tag') ?? 'latest' };
    const { index, checked, commands } = await compose.check(typed, origin, { signal, lookUps });
    return ok({ ...indexJson(index), ...checked, commands });
  }

  async function image(text: string, { query, signal, lookUps }: PageRequest): Promise<Answer> {
    const { status, at, view, headers } = await inspect.look(text, query, { signal, lookUps });
    return json(status, { ...at, ...imageJson(view) }, { ...HEADERS, ...headers });
  }

  async function build(id: string, { user, signal }: PageRequest): Promise<Answer> {
    const found = await builds.find(id, { signal });
    return found === undefined ? unknownBuild() : ok(buildJson(found, user));
  }

  async function follow(id: string, { query, headers, signal }: PageRequest): Promise<Answer> {
    if ((await builds.find(id, { signal })) === undefined) return unknownBuild();
    const last = headers['last-event-id'] ?? query.get('from') ?? '0';
    const position = typeof last === 'string' && /^\d{1,9}$/.test(last) ? Number(last) : 0;
    return (
      events.answer(id, position) ??
      errorAnswer('UNAVAILABLE', 'too many follow builds at the moment', undefined, { 'Retry-After': '10' })
    );
  }

  return async (request) => {
    const { method, path, user, signal } = request;
    const wanted = /^\/api\/images\/(.+)$/.exec(path)?.[1];
    if (wanted !== undefined && method === 'POST') return start.answer(wanted, request);
    if (method !== 'GET' && method !== 'HEAD') return unsupportedAnswer();
    if (wanted !== undefined) return image(wanted, request);
    const [, id, isEvents] = /^\/api\/builds\/([0-9a-f]{64})(\/events)?$/.exec(path) ?? [];
    if (id !== undefined) return isEvents === undefined ? build(id, request) : follow(id, request);
    switch (path) {
      case '/api':
      case '/api/':
        return ok({ endpoints: ENDPOINTS });
      case '/api/search':
        return search(request);
      case '/api/name':
        return name(request);
      case '/api/builds':
        return ok({ builds: (await builds.recent({ signal })).map((one) => summaryJson(one, user)) });
      default:
        return path.startsWith('/api/builds/')
          ? unknownBuild()
          : { ...errorAnswer('UNSUPPORTED', 'there is no such endpoint: see /api/'), status: 404 };
    }
  };
}

function unknownBuild(): Answer {
  return { ...errorAnswer('UNKNOWN', 'there is no such build, or it is too long ago'), status: 404 };
}

function indexJson(index: PackageIndex) {
  switch (index.kind) {
    case 'ready':
      return { index: 'ready', revision: index.revision };
    case 'making':
      return { index: 'making', revision: index.revision };
    case 'unavailable':
    case 'busy':
    case 'reference-unknown':
      return { index: index.kind, message: index.message };
    default:
      throw new RangeError(`no such index: ${JSON.stringify(index satisfies never)}`);
  }
}

/** 202 says that the same request has its answer a little later. */
function statusOf(index: PackageIndex): number {
  switch (index.kind) {
    case 'ready':
      return 200;
    case 'making':
      return 202;
    case 'unavailable':
      return 503;
    case 'busy':
      return 429;
    case 'reference-unknown':
      return 404;
    default:
      throw new RangeError(`no such index: ${JSON.stringify(index satisfies never)}`);
  }
}

function imageJson(view: LookedInto['view']) {
  switch (view.kind) {
    case 'made': {
      const { anatomy, fresh, compared } = view;
      const layers = anatomy.layers.map((layer) => ({
        ...layer,
        ...(fresh && { wasThere: !fresh.has(layer.digest) }),
      }));
      return { state: 'made', ...anatomy, layers, ...(compared && { shared: compared.result ?? null }) };
    }
    case 'not-made':
      return {
        ...{ state: view.isBuilding ? 'building' : 'not-made', revision: view.revision, build: view.build },
        ...(view.problem !== undefined && { problem: view.problem }),
      };
    case 'platforms':
      return {
        state: 'platforms',
        platforms: view.platforms.map((one): object => ({
          ...{ platform: one.platform, name: one.name },
          ...imageJson(one.view),
        })),
        differing: differingPackages(view.platforms),
      };
    case 'refused':
      return { state: 'refused', message: view.message };
    default:
      throw new RangeError(`no such view: ${JSON.stringify(view satisfies never)}`);
  }
}

/** Who asked is told to nobody else. */
function summaryJson(build: BuildSummary, viewer: string | undefined) {
  const { user, ...others } = build;
  return { ...others, ...(user !== undefined && { own: user === viewer }) };
}

function buildJson({ summary, log }: WatchedBuild, viewer: string | undefined) {
  return { ...summaryJson(summary, viewer), log };
}
